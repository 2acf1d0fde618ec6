"""Where mail and SMS go: one process each, and how many it has taken by its own counter."""

import getpass
import os
import re
import sys
from pathlib import Path

import requests

from tests.services import process

ROOT = Path(__file__).resolve().parents[1]
COUNTER = re.compile(rb"mesg=(\d+)\r")
BACKLOG = "1024"


class MailSink(process.Process):
    """Postfix's smtp-sink. It prints its counters at every mail; the last one stands at the end of its output."""

    def __init__(self, folder: Path) -> None:
        self.port = process.free_port()
        program = process.find_program(["smtp-sink"], "postfix")
        # It refuses to stay root.
        user = ["-u", "nobody"] if getpass.getuser() == "root" else []
        command = [program, *user, "-c", f"127.0.0.1:{self.port}", BACKLOG]
        super().__init__("smtp-sink", command, log=folder / "smtp-sink.log")
        self.wait_until(lambda: process.answers(self.port))

    @property
    def taken(self) -> int:
        with self.log.open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - 200))
            found = COUNTER.findall(output.read())
        return int(found[-1]) if found else 0


class SmsSink(process.Process):
    """`benchmarks.sms_server`, whose `taken` costs a request."""

    def __init__(self, folder: Path, *, latency: float) -> None:
        self.port = process.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "benchmarks.sms_server", self.port, latency]
        super().__init__("sms-server", map(str, command), log=folder / "sms-server.log", cwd=ROOT)
        self.wait_until(lambda: process.answers(self.port))
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def taken(self) -> int:
        return int(self._session.get(f"{self.url}/count", timeout=10).text)
