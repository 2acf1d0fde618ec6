"""Children that the nursery has forked for this process: as those of `subprocess`, but started in less time."""

import atexit
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.services import nursery
from tests.services.process import Order, Process

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 60


class Foundling:
    """The part of `subprocess.Popen` that is used, for a child that was forked elsewhere."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises `subprocess.TimeoutExpired`."""
        started = time.monotonic()
        while self.poll() is None:
            if timeout is not None and time.monotonic() - started > timeout:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def start_module(order: Order) -> Foundling:
    """For `python -m MODULE WORDS`. Not for what needs another environment before Python itself starts."""
    python, option, module, *words = order.command
    assert (python, option) == (sys.executable, "-m"), order.command
    order.log.touch()
    wanted = {
        "module": module,
        "words": words,
        "env": dict(order.env or os.environ),
        "cwd": str(order.cwd or Path.cwd()),
        "log": str(order.log),
        "signal": order.signal_at_our_death,
        "parent": os.getpid(),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WITHIN)
        connection.connect(str(_nursery()))
        connection.sendall(json.dumps(wanted).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as content:
            return Foundling(int(content.read()))


@functools.cache
def _nursery() -> Path:
    """The socket of the one of this process. It ends with it."""
    nursery.adopt_orphans()
    folder = Path(os.environ["MSGCENTER_TEST_FOLDER"])
    address = folder / f"n{os.getpid()}.sock"
    command = [sys.executable, "-m", "tests.services.nursery", str(address)]
    one = Process("nursery", command, log=folder / f"nursery-{os.getpid()}.log", cwd=ROOT)
    one.wait_until(lambda: _listens(address), seconds=WITHIN)
    atexit.register(one.kill9)
    return address


def _listens(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(str(address))
        return True
    return False
