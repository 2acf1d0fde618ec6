"""Fault 35: a copy of the database that is started elsewhere sends nothing until somebody says that it takes over."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.operation import BULK, HOUSE, URGENT, Operation
from tests.services.stack import Stack

pytestmark = pytest.mark.timeout(240)
PEOPLE = 30
ELSEWHERE = {"MSGCENTER_ENVIRONMENT_ID": "restored-elsewhere"}


def copy_database(original: Stack, copy: Stack, folder: Path) -> None:
    """As an operator would, while the original runs: a dump loaded elsewhere, or a backup of the file."""
    if original.database:
        dump = folder / "dump.sql"
        original.database.dump(original.name, dump)
        copy.database.drop(copy.name)
        copy.database.create(copy.name)
        copy.database.load(copy.name, dump)
        return
    with (
        closing(sqlite3.connect(original.env["MSGCENTER_DB_NAME"])) as source,
        closing(sqlite3.connect(copy.env["MSGCENTER_DB_NAME"])) as target,
    ):
        source.backup(target)


@pytest.fixture
def unsent(school: Operation) -> Iterator[int]:
    """A message whose audience is frozen, on lanes where nobody stands at the original."""
    school.enrol(PEOPLE)
    message = school.publish(urgency="urgent")
    school.wait_for_state(message, "queued", count=2 * PEOPLE)
    yield message
    school.recall(message)


def test_fault_35_a_clone_sends_nothing_and_says_so_until_it_is_adopted(
    school: Operation, unsent: int, live_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    assert os.environ["MSGCENTER_ENVIRONMENT_ID"] != ELSEWHERE["MSGCENTER_ENVIRONMENT_ID"]
    claimed = school.stack.rows("SELECT environment_id FROM core_installation")
    assert claimed == [(os.environ["MSGCENTER_ENVIRONMENT_ID"],)]
    clone = live_stack(MSGCENTER_LEASE_SECONDS="4", MSGCENTER_RING_AGAIN_SECONDS="3", **ELSEWHERE)
    copy_database(school.stack, clone, tmp_path)
    clone.worker(queues=[*HOUSE, *BULK, *URGENT], concurrency=4)
    clone.beat()
    clone.manage("sweep")
    warned = clone.manage("check", "--database", "default")
    assert "core.W002" in warned.stderr
    told = "SELECT COUNT(*) FROM core_alert WHERE settled_at IS NULL AND kind = 'environment_mismatch'"
    clone.wait_for(told, [(1,)])
    # The doorbells have been rung, taken and answered with nothing.
    queued = (
        "SELECT COUNT(*) FROM delivery_delivery d JOIN messaging_messagechannel mc ON mc.id = d.message_channel_id"
        f" WHERE mc.message_id = {unsent} AND d.status = 'queued'"
    )
    assert clone.rows(queued) == [(2 * PEOPLE,)]
    clone.manage("sweep", "ring_again")
    assert clone.rows(queued) == [(2 * PEOPLE,)]
    assert school.taken(unsent) == 0

    clone.manage("adopt")
    clone.wait_for(f"SELECT status FROM messaging_message WHERE id = {unsent}", [("finished",)], seconds=60)
    assert school.taken(unsent) == 2 * PEOPLE
    assert clone.rows(told) == [(0,)]
    assert clone.rows("SELECT COUNT(*) FROM audit_entry WHERE verb = 'adopt'") == [(1,)]
