"""Where mail and SMS go: one process each, and how many it has taken by its own counter."""

import getpass
import mmap
import os
import re
import sys
from pathlib import Path

from benchmarks import sms_server
from tests.services import process

ROOT = Path(__file__).resolve().parents[1]
COUNTER = re.compile(rb"mesg=(\d+)\r")
BACKLOG = "1024"


class MailSink(process.Process):
    """Postfix's smtp-sink. It prints its counters at every mail; the last one stands at the end of its output."""

    def __init__(self, folder: Path) -> None:
        self.port = process.free_port()
        program = process.find_program(["smtp-sink"], "postfix")
        command = [*nobody(), program, "-c", f"127.0.0.1:{self.port}", BACKLOG]
        super().__init__("smtp-sink", command, log=folder / "smtp-sink.log")
        self.wait_until(lambda: process.answers(self.port))

    @property
    def taken(self) -> int:
        with self.log.open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - 200))
            found = COUNTER.findall(output.read())
        return int(found[-1]) if found else 0


def nobody() -> list[str]:
    """smtp-sink does not work for root, and a child that changes its user itself no longer ends with us."""
    if getpass.getuser() != "root":
        return []
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--pdeathsig", "KILL"]


class SmsSink(process.Process):
    """`benchmarks.sms_server`, which keeps its counter in a file in memory."""

    def __init__(self, folder: Path, *, latency: float) -> None:
        self.port = process.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        counter = folder / "sms-server.count"
        counter.write_bytes(bytes(sms_server.COUNTER.size))
        with counter.open("rb") as file:
            self._counter = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        command = [sys.executable, "-m", "benchmarks.sms_server", self.port, latency, counter]
        super().__init__("sms-server", map(str, command), log=folder / "sms-server.log", cwd=ROOT)
        self.wait_until(lambda: process.answers(self.port))

    @property
    def taken(self) -> int:
        return sms_server.COUNTER.unpack(self._counter[:])[0]
