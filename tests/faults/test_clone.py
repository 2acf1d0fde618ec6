"""Fault 35: a copy of the database that is started elsewhere sends nothing until somebody says that it takes over."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.test_main_job import BULK, CONTROL
from tests.school import School
from tests.services.stack import Stack

pytestmark = pytest.mark.timeout(240)
Open = Callable[..., School]
PEOPLE = 30
ELSEWHERE = {"MSGCENTER_ENVIRONMENT_ID": "restored-elsewhere"}


def copy_database(original: Stack, copy: Stack, folder: Path) -> None:
    """As an operator would: a dump loaded elsewhere, or a copied file."""
    if original.database:
        dump = folder / "dump.sql"
        original.database.dump(original.name, dump)
        copy.database.drop(copy.name)
        copy.database.create(copy.name)
        copy.database.load(copy.name, dump)
        return
    for end in ("-wal", "-shm"):
        Path(copy.env["MSGCENTER_DB_NAME"] + end).unlink(missing_ok=True)
    with closing(sqlite3.connect(original.env["MSGCENTER_DB_NAME"])) as source:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(original.env["MSGCENTER_DB_NAME"], copy.env["MSGCENTER_DB_NAME"])


def test_fault_35_a_clone_sends_nothing_and_says_so_until_it_is_adopted(
    open_school: Open, live_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    assert os.environ["MSGCENTER_ENVIRONMENT_ID"] != ELSEWHERE["MSGCENTER_ENVIRONMENT_ID"]
    school = open_school(PEOPLE)
    # The original freezes the audience and is stopped before anything is sent.
    worker = school.stack.worker(queues=["fanout"], concurrency=2)
    message = school.publish()
    frozen = "SELECT COUNT(*) FROM delivery_delivery WHERE status = 'queued'"
    school.stack.wait_for(frozen, [(2 * PEOPLE,)])
    claimed = school.stack.rows("SELECT environment_id FROM core_installation")
    assert claimed == [(os.environ["MSGCENTER_ENVIRONMENT_ID"],)]
    school.stack.kill9(worker)

    clone = live_stack(MSGCENTER_LEASE_SECONDS="4", MSGCENTER_RING_AGAIN_SECONDS="3", **ELSEWHERE)
    copy_database(school.stack, clone, tmp_path)
    clone.worker(queues=CONTROL, concurrency=2)
    clone.worker(queues=BULK, concurrency=2)
    clone.beat()
    clone.manage("sweep")
    warned = clone.manage("check", "--database", "default")
    assert "core.W002" in warned.stderr
    clone.wait_for("SELECT kind FROM core_alert WHERE settled_at IS NULL", [("environment_mismatch",)])
    # The doorbells have been rung, taken and answered with nothing.
    clone.wait_for(frozen, [(2 * PEOPLE,)])
    clone.manage("sweep", "ring_again")
    clone.wait_for(frozen, [(2 * PEOPLE,)])
    assert school.accepts() == 0

    clone.manage("adopt")
    clone.wait_for(f"SELECT status FROM messaging_message WHERE id = {message}", [("finished",)], seconds=60)
    assert school.accepts() == 2 * PEOPLE
    assert clone.rows("SELECT COUNT(*) FROM core_alert WHERE settled_at IS NULL") == [(0,)]
    assert clone.rows("SELECT COUNT(*) FROM audit_entry WHERE verb = 'adopt'") == [(1,)]
