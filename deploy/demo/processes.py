"""The trial's child processes: started, watched, started again, and gone when the trial is.

What a killed trial left behind is told from anything else on the machine in two ways: every child and whatever it
starts carries `MARK` in its environment, and the children themselves are on record with the time they were started at,
because a Redis server writes its title over its environment. A process id that was used again fits neither.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MARK = "MSGCENTER_TRIAL"
RECORD = "children.pids"
WRAPPER = Path(__file__).with_name("child.py")
#: All of it together stays below the ten seconds that the trial promises.
PATIENCE = 7.0
LAST_PATIENCE = 1.5
AT_ONCE = 5.0
MOST_RESTARTS = 5
TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Program:
    """A command under a name. Programs of a higher `stage` start later and are stopped earlier."""

    name: str
    command: tuple[str, ...]
    stage: int = 1


@dataclass(frozen=True, slots=True)
class Death:
    """A child that ended by itself: its exit status, what it wrote last, and whether it was started again."""

    name: str
    status: int
    tail: str
    restarted: bool


@dataclass
class Child:
    program: Program
    log: Path
    cwd: Path
    env: Mapping[str, str]
    process: subprocess.Popen | None = None
    started: float = 0.0
    restarts: int = 0

    def start(self) -> None:
        """In a session of its own, so that Ctrl-C in the terminal reaches the trial alone."""
        command = [sys.executable, "-S", str(WRAPPER), str(os.getpid()), *self.program.command]
        self.started = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.cwd,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """To the whole group, so that nothing it started stays behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


@dataclass
class Children:
    """All children of this trial. Call `watch` regularly."""

    logs: Path
    mark: str
    cwd: Path
    children: list[Child] = field(default_factory=list)

    @property
    def record(self) -> Path:
        return self.logs / RECORD

    def start(self, program: Program) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        child = Child(program, self.logs / f"{program.name}.log", self.cwd, {**os.environ, MARK: self.mark})
        self.children.append(child)
        child.start()
        self._record()

    def _record(self) -> None:
        births = {child.process.pid: birth(child.process.pid) for child in self.children}
        self.record.write_text("".join(f"{pid} {born}\n" for pid, born in births.items()))

    def watch(self) -> list[Death]:
        """Which children have died since the last call; those that had run for a while are started again."""
        return [self._bury(child) for child in self.children if not child.alive]

    def _bury(self, child: Child) -> Death:
        again = time.monotonic() - child.started > AT_ONCE and child.restarts < MOST_RESTARTS
        death = Death(child.program.name, child.process.returncode, child.tail(), again)
        child.signal(signal.SIGKILL)
        if again:
            child.restarts += 1
            child.start()
            self._record()
        return death

    def stop(self) -> list[str]:
        """End all children, the last stage first. Returns the names of those that had to be killed."""
        killed = []
        for stage in sorted({child.program.stage for child in self.children}, reverse=True):
            running = [child for child in self.children if child.program.stage == stage and child.alive]
            for child in running:
                child.process.send_signal(signal.SIGTERM)
            _wait(running, PATIENCE if stage else LAST_PATIENCE)
            killed += [child.program.name for child in running if child.alive]
            for child in running:
                child.signal(signal.SIGKILL)
                child.process.wait()
        self.children.clear()
        return killed


def _wait(children: Sequence[Child], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(child.alive for child in children):
        time.sleep(0.05)


def marked(mark: str) -> Iterator[int]:
    """Process ids of this user's processes, other than this one, that carry the mark."""
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def birth(pid: int) -> str:
    """When a process was started, in clock ticks since the machine was; empty if it is none or has ended."""
    try:
        # The name in brackets may hold blanks; after it come the state and, as the 20th, the start (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def recorded(record: Path) -> Iterator[int]:
    """Process ids on record that are still the processes they were."""
    lines = record.read_text().splitlines() if record.is_file() else []
    for pid, born in (line.split() for line in lines if len(line.split()) == 2):
        if birth(int(pid)) == born:
            yield int(pid)


def leftovers(mark: str, record: Path) -> set[int]:
    return {*marked(mark), *recorded(record)}


def clear_leftovers(mark: str, record: Path) -> int:
    """End what a killed trial left behind. Returns how many processes that were."""
    found = leftovers(mark, record)
    _signal(found, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and leftovers(mark, record):
        time.sleep(0.05)
    _signal(leftovers(mark, record), signal.SIGKILL)
    return len(found)


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
