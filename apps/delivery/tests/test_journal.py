"""What the journal of a dead worker tells, and when it must not be believed."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.channels.providers.base import Accepted, Deferred, Refused, Unknown
from apps.delivery import journal
from apps.delivery.journal import NOTHING, Journal, Known

#: Takes one, is refused one, and dies in the middle of the next.
DIES = """
import os, signal
import django
django.setup()
from apps.channels.providers.base import Accepted, Refused
from apps.delivery.journal import Journal
with Journal("lease", size=5) as journal:
    for number, result in ((1, Accepted("SM1")), (2, Refused("rejected"))):
        journal.begins(number)
        journal.ended(number, result)
    journal.begins(3)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR = tmp_path
    return tmp_path / "journal"


def leave(lease: str = "lease") -> None:
    """As a worker whose database has failed it."""
    one = Journal(lease, size=2).__enter__()
    one.begins(1)
    one.ended(1, Accepted("SM1"))
    one.begins(2)
    one.__exit__(RuntimeError)


def test_a_worker_killed_in_a_call_leaves_all_but_that_call_in_no_doubt(folder: Path) -> None:
    environment = {**os.environ, "MSGCENTER_VAR": str(folder.parent), "DJANGO_SETTINGS_MODULE": "msgcenter.settings"}
    ended = subprocess.run([sys.executable, "-c", DIES], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert journal.read("lease") == Known({1: "SM1"}, frozenset({3}), complete=True)
    assert list(journal.left_behind()) == ["lease"]


def test_while_its_writer_lives_a_journal_says_what_was_taken_and_not_what_will_be(folder: Path) -> None:
    with Journal("lease", size=2) as one:
        one.begins(1)
        one.ended(1, Accepted("SM1"))
        assert journal.read("lease") == Known({1: "SM1"}, complete=False)
        assert list(journal.left_behind()) == []
    assert journal.read("lease") == NOTHING
    assert list(folder.iterdir()) == []


def test_a_writer_that_gave_up_is_as_good_as_dead() -> None:
    leave()
    assert journal.read("lease") == Known({1: "SM1"}, frozenset({2}), complete=True)


def test_after_a_power_cut_only_what_was_written_counts(folder: Path) -> None:
    leave()
    file = folder / "lease"
    file.write_bytes(file.read_bytes().replace(journal._boot_id().encode(), b"an-earlier-boot"))
    assert journal.read("lease") == Known({1: "SM1"}, frozenset({2}), complete=False)


@pytest.mark.parametrize("rest", [b"taken 7 SM", b"taken 7", b"tak", b"taken\0 7 SM7\n", b"\0aken 7 SM7\n"])
def test_a_line_that_was_not_finished_is_none(folder: Path, rest: bytes) -> None:
    leave()
    file = folder / "lease"
    written = file.read_bytes().rstrip(b"\0")
    file.write_bytes(written + b"began 7\n" + rest + b"\0" * 50)
    assert journal.read("lease") == Known({1: "SM1"}, frozenset({2, 7}), complete=True)


@pytest.mark.parametrize("reference", ["", "SM 1", "r" * 128])
def test_a_reference_comes_back_as_it_was(reference: str) -> None:
    with Journal("lease", size=1) as one:
        one.begins(1)
        one.ended(1, Accepted(reference))
        assert journal.read("lease").taken == {1: reference}


@pytest.mark.parametrize("reference", ["two\nlines", "号", "r" * 129])
def test_a_reference_that_does_not_fit_is_left_out(reference: str) -> None:
    with Journal("lease", size=1) as one:
        one.begins(1)
        one.ended(1, Accepted(reference))
        assert journal.read("lease").taken == {1: ""}


def test_the_longest_lines_have_room() -> None:
    most = 2**63 - 1
    with Journal("lease", size=3) as one:
        for number in range(3):
            one.begins(most - number)
            one.ended(most - number, Accepted("r" * 128))
        assert len(journal.read("lease").taken) == 3


@pytest.mark.parametrize("result", [Refused("rejected"), Deferred("try_later")])
def test_what_was_certainly_not_taken_is_as_if_it_had_not_begun(result: Refused | Deferred) -> None:
    with Journal("lease", size=1) as one:
        one.begins(1)
        one.ended(1, result)
        assert journal.read("lease") == NOTHING


def test_an_answer_that_says_nothing_leaves_it_begun() -> None:
    with Journal("lease", size=1) as one:
        one.begins(1)
        one.ended(1, Unknown("timeout"))
        assert journal.read("lease") == Known(begun=frozenset({1}))


def test_a_disk_without_room_costs_the_journal_and_not_the_message(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with Journal("lease", size=500) as one:
            one.begins(1)
            one.ended(1, Accepted("SM1"))
            assert journal.read("lease") == NOTHING
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "no journal" in caplog.text
    assert list(folder.iterdir()) == []


def test_what_is_no_journal_is_nothing(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes").write_text("no boot id\nand no number\n")
    (folder / "folder").mkdir()
    assert journal.read("notes") == journal.read("folder") == NOTHING
    assert list(journal.left_behind()) == []


def test_one_that_cannot_be_deleted_stops_nobody(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "lease").mkdir(parents=True)
    journal.forget("lease")
    journal.forget_old()
    assert "a journal stays" in caplog.text


def test_old_ones_are_thrown_away(folder: Path) -> None:
    leave("old")
    leave("new")
    long_ago = time.time() - 2 * journal.KEPT_FOR
    os.utime(folder / "old", (long_ago, long_ago))
    journal.forget_old()
    assert [path.name for path in folder.iterdir()] == ["new"]
