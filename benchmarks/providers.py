"""The fake providers of the tests as children: their ledgers tell who got what, on disk before they answer."""

import sys
from pathlib import Path

from tests.servers import ledger
from tests.services import process
from tests.services.stack import ROOT


class Provider(process.Process):
    """`tests.servers.<name>` on a port of its own. `taken` is how many it has accepted so far."""

    def __init__(self, name: str, folder: Path, *options: object) -> None:
        self.port = process.free_port()
        self.ledger = folder / f"{name}.jsonl"
        self._read = self._taken = 0
        server = [sys.executable, "-m", f"tests.servers.{name}", "--port", self.port, "--ledger", self.ledger]
        super().__init__(name, map(str, [*server, *options]), log=folder / f"{name}.log", cwd=ROOT)
        self.wait_until(lambda: process.answers(self.port))

    @property
    def taken(self) -> int:
        """Reads on from where it was the last time."""
        with self.ledger.open("rb") as file:
            file.seek(self._read)
            more = file.read()
        self._read += len(more)
        self._taken += more.count(b"\n")
        return self._taken

    def accepted(self) -> list[str]:
        return [entry["to"] for entry in ledger.read(self.ledger)]


class Providers:
    """One for mail and one for SMS, with new ledgers. `latency` of SMS in seconds."""

    def __init__(self, folder: Path, *, latency: float) -> None:
        folder.mkdir()
        self.smtp = Provider("smtp_server", folder)
        account = ("--account-sid", "AC", "--auth-token", "token")
        self.twilio = Provider("twilio_server", folder, *account, "--latency", latency)
        self.url = f"http://127.0.0.1:{self.twilio.port}"

    def __enter__(self) -> "Providers":
        return self

    def __exit__(self, *details: object) -> None:
        for one in (self.smtp, self.twilio):
            one.stop()

    def taken(self) -> int:
        return self.smtp.taken + self.twilio.taken

    def accepted(self) -> list[str]:
        return [*self.smtp.accepted(), *self.twilio.accepted()]
