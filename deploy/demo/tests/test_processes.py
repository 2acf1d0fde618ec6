"""No child outlives its trial, and none dies unseen. Real processes, no fakes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.demo import processes
from deploy.demo.processes import Children, Program

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = """
import sys, time, os
from pathlib import Path
from deploy.demo.processes import Children, Program
children = Children(Path(sys.argv[1]), sys.argv[2], Path("/"))
for number in range(3):
    children.start(Program(f"sleep{number}", ("sleep", "60")))
print("started", flush=True)
time.sleep(60)
"""


def eventually(claim: Callable[[], bool], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while not (held := claim()) and time.monotonic() < until:
        time.sleep(0.02)
    return held


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """Unlike any other on this machine; whatever still carries it in the end is ended."""
    yield str(tmp_path)
    for pid in processes.marked(str(tmp_path)):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def children(tmp_path: Path, mark: str) -> Children:
    return Children(tmp_path / "log", mark, tmp_path)


def program(name: str, code: str, stage: int = 1) -> Program:
    return Program(name, (sys.executable, "-c", code), stage)


def test_stopping_ends_every_child_and_what_it_started(children: Children, mark: str) -> None:
    children.start(Program("sleep", ("sleep", "60")))
    children.start(Program("shell", ("sh", "-c", "sleep 60 & wait")))
    assert eventually(lambda: len(list(processes.marked(mark))) == 3)
    assert children.stop() == []
    assert eventually(lambda: not list(processes.marked(mark)))


def test_a_child_that_will_not_end_is_killed_in_time(
    children: Children, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.3)
    children.start(program("stubborn", STUBBORN))
    assert eventually(lambda: "up" in children.children[0].tail())
    assert children.stop() == ["stubborn"]
    assert not list(processes.marked(mark))


def test_the_two_patiences_stay_below_ten_seconds() -> None:
    assert processes.PATIENCE + processes.LAST_PATIENCE < 10


def test_later_stages_are_stopped_first(children: Children, tmp_path: Path) -> None:
    code = (
        "import signal, sys, time, pathlib\n"
        "def end(*_): pathlib.Path({file!r}).open('a').write({name!r}); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    order = tmp_path / "order"
    for name, stage in (("a", 0), ("b", 1)):
        children.start(program(name, code.format(file=str(order), name=name), stage))
    assert eventually(lambda: all("up" in child.tail() for child in children.children))
    children.stop()
    assert order.read_text() == "ba"


def test_children_end_when_the_parent_is_killed(tmp_path: Path, mark: str) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log"), mark]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as parent:
        assert parent.stdout.readline() == b"started\n"
        assert eventually(lambda: len(list(processes.marked(mark))) == 3)
        parent.kill()
    assert eventually(lambda: not list(processes.marked(mark)))


def test_leftovers_are_cleared_and_strangers_left_alone(mark: str, tmp_path: Path) -> None:
    ours = subprocess.Popen(["sleep", "60"], env={**os.environ, processes.MARK: mark})
    stranger = subprocess.Popen(["sleep", "60"], env={**os.environ, processes.MARK: mark + "2"})
    try:
        # A child of this very process stays a zombie until it is waited for; a zombie has no environment any more.
        assert eventually(lambda: list(processes.marked(mark)) == [ours.pid])
        assert processes.clear_leftovers(mark, tmp_path / "none") == 1
        assert ours.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_leftover_is_known_by_its_record_though_it_wrote_over_its_environment(mark: str, tmp_path: Path) -> None:
    record = tmp_path / processes.RECORD
    ours, reused = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    try:
        record.write_text(f"{ours.pid} {processes.birth(ours.pid)}\n{reused.pid} 1\n99999999 5\nrubbish\n")
        assert list(processes.recorded(record)) == [ours.pid]
        assert processes.clear_leftovers(mark, record) == 1
        assert ours.wait(5) == -signal.SIGTERM
        assert reused.poll() is None
    finally:
        reused.kill()
        reused.wait()


def test_every_child_is_on_record(children: Children) -> None:
    children.start(Program("sleep", ("sleep", "60")))
    children.start(Program("sleep again", ("sleep", "60")))
    assert set(processes.recorded(children.record)) == {child.process.pid for child in children.children}
    children.stop()
    assert not list(processes.recorded(children.record))


def test_a_child_that_dies_at_once_is_reported_with_its_last_words(children: Children) -> None:
    children.start(program("broken", "raise SystemExit('no such database')"))
    assert eventually(lambda: not children.children[0].alive)
    (death,) = children.watch()
    assert (death.name, death.status, death.restarted) == ("broken", 1, False)
    assert "no such database" in death.tail


def test_a_child_that_had_run_is_started_again(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "AT_ONCE", 0.0)
    children.start(Program("sleep", ("sleep", "60")))
    assert children.watch() == []
    first = children.children[0].process
    first.kill()
    first.wait()
    (death,) = children.watch()
    assert (death.status, death.restarted) == (-signal.SIGKILL, True)
    assert children.watch() == []
    assert children.children[0].process.pid != first.pid
    children.stop()


def test_a_child_that_dies_again_and_again_is_given_up(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "AT_ONCE", 0.0)
    monkeypatch.setattr(processes, "MOST_RESTARTS", 2)
    children.start(Program("false", ("false",)))
    deaths = []
    assert eventually(lambda: bool(deaths.extend(children.watch()) or (deaths and not deaths[-1].restarted)))
    assert [death.restarted for death in deaths] == [True, True, False]
