"""The envelope of the next mail goes out with the end of this one (RFC 2920), and nothing is lost or doubled by it."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.channels.providers.base import Accepted, Provider, Refused, Result, Unknown
from apps.channels.providers.tests import contract
from apps.channels.providers.tests.contract import outgoing
from apps.channels.providers.tests.test_smtp import SmtpHarness
from tests.servers.base import Fault
from tests.servers.smtp_server import SmtpServer


class Listener:
    """A mail server that keeps every piece as it was read. `forgetful`: what comes after the end of a mail is lost."""

    def __init__(self, *, forgetful: bool = False, pipelining: bool = True) -> None:
        self.forgetful, self.pipelining = forgetful, pipelining
        self.pieces: list[bytes] = []
        self.recipients: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> "Listener":
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self._listener.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.sendall(b"220 ready\r\n")
        rest, in_content = b"", False
        while piece := connection.recv(65536):
            self.pieces.append(piece)
            rest += piece
            while (end := b"\r\n.\r\n" if in_content else b"\r\n") in rest:
                line, _end, rest = rest.partition(end)
                if in_content and self.forgetful:
                    rest = b""
                in_content = self._answer(connection, line.decode(), in_content)

    def _answer(self, connection: socket.socket, line: str, was_content: bool) -> bool:
        if line.startswith("RCPT") and not was_content:
            self.recipients.append(re.search("<(.*)>", line)[1])
        opens = line == "DATA" and not was_content
        extension = b"250-here\r\n250 PIPELINING\r\n" if self.pipelining else b"250 here\r\n"
        connection.sendall(b"354 go on\r\n" if opens else extension if line.startswith("ehlo") else b"250 ok\r\n")
        return opens


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmtpServer]:
    with SmtpServer(ledger=tmp_path / "ledger", keep=True) as running:
        yield running


@pytest.fixture
def harness(server: SmtpServer) -> SmtpHarness:
    return SmtpHarness(server)


def send(provider: Provider, *names: str) -> list[Result]:
    return contract.send(provider, [outgoing(f"{name}@students.example") for name in names])


def test_the_next_envelope_is_in_one_piece_with_the_end_of_a_mail(harness: SmtpHarness) -> None:
    with Listener() as listener:
        results = send(harness.provider(port=listener.port), "a", "b", "c")
    assert results == [Accepted()] * 3
    assert sum(b"\r\n.\r\nMAIL FROM:" in piece for piece in listener.pieces) == 2
    assert listener.recipients == [f"{name}@students.example" for name in "abc"]


def test_a_server_that_does_not_offer_it_is_asked_command_by_command(harness: SmtpHarness) -> None:
    with Listener(pipelining=False) as listener:
        assert send(harness.provider(port=listener.port), "a", "b") == [Accepted()] * 2
    assert not any(b"MAIL FROM" in piece and b"RCPT TO" in piece for piece in listener.pieces)


def test_a_server_that_forgets_the_envelope_gets_it_anew_and_one_by_one_from_then_on(harness: SmtpHarness) -> None:
    with Listener(forgetful=True) as listener:
        provider = harness.provider(port=listener.port, command_timeout_ms=200, total_timeout_ms=5000)
        assert send(provider, "a", "b", "c") == [Accepted()] * 3
    assert listener.recipients == [f"{name}@students.example" for name in "abc"]
    assert sum(b"\r\n.\r\nMAIL FROM:" in piece for piece in listener.pieces) == 1


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.REFUSE_CONTENT])
def test_fault_18_a_refusal_in_the_midst_touches_no_other_mail(
    harness: SmtpHarness, server: SmtpServer, place: int, fault: Fault
) -> None:
    names = ["a", "b", "c"]
    harness.fault(f"{names[place]}@students.example", fault)
    results = send(harness.provider(), *names)
    assert [type(result) for result in results] == [Refused if one == place else Accepted for one in range(3)]
    del names[place]
    assert harness.accepted() == [f"{name}@students.example" for name in names]


def test_fault_18_a_connection_lost_after_the_end_of_a_mail_leaves_only_that_one_unknown(
    harness: SmtpHarness, server: SmtpServer
) -> None:
    harness.fault("a@students.example", Fault.DROP_AFTER_ACCEPT)
    results = send(harness.provider(), "a", "b", "c")
    assert [type(result) for result in results] == [Unknown, Accepted, Accepted]
    assert sorted(harness.accepted()) == [f"{name}@students.example" for name in "abc"]


def test_what_was_announced_and_then_withdrawn_is_never_handed_over(harness: SmtpHarness, server: SmtpServer) -> None:
    provider = harness.provider()
    asked = []
    batch = [outgoing(f"{name}@students.example") for name in "abc"]
    provider.send(batch, go_on=lambda: asked.append(1) or len(asked) < 2)
    assert harness.accepted() == ["a@students.example"]
    assert {type(result) for result in send(provider, "d", "e")} == {Accepted}
    assert harness.accepted() == [f"{name}@students.example" for name in "ade"]
