"""Child processes that never outlive the test run, and the folder all of it happens in."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PREFIX = "msgcenter-test-"
REST_OF_PATH = "/usr/sbin:/usr/local/sbin:/sbin"


class NotStarted(RuntimeError):
    """A server of the tests did not come up; the text holds the end of its log."""


def find_program(names: Sequence[str], package: str) -> str:
    for name in names:
        if path := shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + REST_OF_PATH):
            return path
    raise NotStarted(f"{names[0]} is missing: apt-get install {package} (./deploy/test does it for root).")


def free_port() -> int:
    """A port nobody listens on, below the range the kernel takes outgoing ports from."""
    for port in random.SystemRandom().sample(range(15000, 32000), 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise NotStarted("no free port on 127.0.0.1 between 15000 and 32000")


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def make_folder() -> Path:
    """A private folder named after this process."""
    clear_abandoned_folders()
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


def clear_abandoned_folders() -> None:
    """A run that was killed could not remove its own."""
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        number = old.name.removeprefix(PREFIX).partition("-")[0]
        if number.isdigit() and not Path(f"/proc/{number}").exists() and os.access(old, os.W_OK):
            shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Order:
    """A process that is wanted. `env` None: as here."""

    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None
    cwd: Path | None
    signal_at_our_death: str


class Child(Protocol):
    """What is used of `subprocess.Popen`."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


Starter = Callable[[Order], Child]


def start_program(order: Order) -> Child:
    # setpriv becomes the command itself, so pid and group stay. (preexec_fn warns in a process with threads.)
    follow_us = [find_program(["setpriv"], "util-linux"), "--pdeathsig", order.signal_at_our_death]
    with order.log.open("ab") as output:
        return subprocess.Popen(
            [*follow_us, *order.command],
            env=None if order.env is None else dict(order.env),
            cwd=order.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class Process:
    """One child in its own process group. `signal_at_our_death` reaches it even when we are killed with -9."""

    def __init__(
        self,
        name: str,
        command: Iterable[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        signal_at_our_death: str = "KILL",
        start: Starter | None = None,
    ) -> None:
        self.name = name
        self.command = [str(word) for word in command]
        self.log = log
        start = start or start_program
        self.popen = start(Order(self.command, log, env, cwd=cwd, signal_at_our_death=signal_at_our_death))

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def tail(self, lines: int = 40) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 30) -> None:
        """Raises `NotStarted` when the process ends or the time is over before `ready()`."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running or time.monotonic() > deadline:
                why = f"was not ready within {seconds} s" if self.running else f"ended with {self.popen.returncode}"
                self.stop(seconds=2)
                raise NotStarted(f"{self.name} {why}:\n{self.tail()}")
            time.sleep(0.02)

    def wait(self, seconds: float = 30) -> int:
        return self.popen.wait(seconds)

    def send(self, number: int) -> None:
        """To the process itself, as an operator's `kill` would."""
        if self.running:
            self.popen.send_signal(number)

    def pause(self) -> None:
        self.signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal_group(signal.SIGCONT)

    def kill9(self) -> None:
        """With its own children, as the kernel's out-of-memory killer does to a container."""
        self.signal_group(signal.SIGKILL)
        self.popen.wait()

    def stop(self, seconds: float = 10) -> None:
        """SIGTERM, then -9 for it and for what it left behind."""
        self.resume()
        self.send(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(seconds)
        self.kill9()

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
