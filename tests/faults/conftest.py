"""One school in full operation for all faults that do not change its clock or its database server.

Every test enrols people of its own, so that its part of the providers' ledgers is told by their addresses. Who kills or
stops something here need not repair it: the next test finds everything running again.
"""

from collections.abc import Iterator

import pytest

from tests.faults.operation import LEASE, Operation, running
from tests.services.plugin import stacks_key
from tests.services.stack import Stack

ENVIRONMENT = {
    "MSGCENTER_LEASE_SECONDS": str(LEASE),
    "MSGCENTER_RING_AGAIN_SECONDS": "2",
    "MSGCENTER_MAX_AUDIENCE": "300000",
}


@pytest.fixture(scope="package")
def operation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operation]:
    with running(Stack(environment=ENVIRONMENT), tmp_path_factory) as (stack, servers):
        one = Operation(stack, servers)
        one.open()
        yield one
        one.close()


@pytest.fixture
def school(operation: Operation, request: pytest.FixtureRequest) -> Operation:
    request.node.stash[stacks_key] = [operation.stack]
    operation.recover()
    return operation

