"""Fixtures that the whole-process tests share."""

from collections.abc import Iterator

import pytest

from tests.operation import LEASE, Operation, running
from tests.services.plugin import stacks_key
from tests.services.stack import Stack

IN_OPERATION = {
    "MSGCENTER_LEASE_SECONDS": str(LEASE),
    "MSGCENTER_RING_AGAIN_SECONDS": "2",
    "MSGCENTER_MAX_AUDIENCE": "300000",
    "MSGCENTER_PUBLIC_URL": "https://msg.school.example",
}


@pytest.fixture(scope="session")
def operation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operation]:
    """One school in full operation for all tests that do not change its clock or its database server."""
    with running(Stack(environment=IN_OPERATION), tmp_path_factory) as (stack, servers):
        one = Operation(stack, servers)
        one.open()
        yield one
        one.close()


@pytest.fixture
def school(operation: Operation, request: pytest.FixtureRequest) -> Operation:
    """Every test enrols people of its own, so that its part of the providers' ledgers is told by their addresses. Who
    kills or stops something here need not repair it: the next test finds everything running again.
    """
    request.node.stash[stacks_key] = [operation.stack]
    operation.recover()
    return operation
