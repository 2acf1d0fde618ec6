"""The fake providers have to be right themselves: what they say they accepted is on disk."""

import gc
import json
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers import ledger
from tests.servers.base import Fault
from tests.servers.proxy import Proxy
from tests.servers.smtp_server import SmtpServer
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN, TwilioServer

MESSAGE = "Message-ID: <k-1@school.example>\r\nX-Msgcenter-Delivery: 1-1\r\n\r\n..hello\r\n"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"


@contextmanager
def process(name: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", f"tests.servers.{name}", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child, int(child.stdout.readline())
        finally:
            child.kill()


def submit(port: int, recipient: str = "a@b.example") -> dict[str, Any]:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        return client.sendmail("notice@school.example", [recipient], MESSAGE)


def create(server: TwilioServer, number: str, **form: str) -> requests.Response:
    form = {"To": number, "From": "+12025550100", "Body": "hello", **form}
    return requests.post(server.url + MESSAGES, data=form, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5)


def test_an_accept_is_on_disk_before_the_answer_even_if_the_server_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    with process("smtp_server", "--ledger", str(file)) as (child, port):
        for number in range(20):
            submit(port, f"p{number}@b.example")
        child.kill()
    entries = ledger.read(file)
    assert [entry["to"] for entry in entries] == [f"p{number}@b.example" for number in range(20)]
    assert (entries[0]["key"], entries[0]["delivery"]) == ("k-1", "1-1")


def test_a_process_ends_on_sigterm(tmp_path: Path) -> None:
    with process("twilio_server", "--ledger", str(tmp_path / "ledger")) as (child, port):
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 401
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=5) == 0


def test_faults_of_a_process_come_from_its_arguments() -> None:
    with process("smtp_server", "--fault", "refuse", "--recipient", "^bad") as (_child, port):
        submit(port, "good@b.example")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            submit(port, "bad@b.example")


def test_the_fcm_process_writes_its_key_file(tmp_path: Path) -> None:
    key_file = tmp_path / "account.json"
    with process("fcm_server", "--key-file", str(key_file)) as (_child, port):
        assert json.loads(key_file.read_text())["token_uri"] == f"http://127.0.0.1:{port}/token"


def test_a_torn_line_does_not_count_and_the_next_one_does(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    file.write_bytes(b'{"to": "a"}\n{"to": "to')
    assert [entry["to"] for entry in ledger.read(file)] == ["a"]
    with SmtpServer(ledger=file) as server:
        submit(server.port)
        assert len(server.accepted) == 2
    assert [entry["to"] for entry in ledger.read(file)] == ["a", "a@b.example"]


def test_a_full_disk_is_no_accept(tmp_path: Path) -> None:
    with SmtpServer(ledger=tmp_path / "ledger") as server, open("/dev/full", "ab", buffering=0) as full:
        server._ledger._file.close()
        server._ledger._file = full
        with pytest.raises((smtplib.SMTPException, OSError)):
            submit(server.port)
        assert server.accepted == []


def test_a_script_sees_numbers_and_recipients() -> None:
    seen = []
    with SmtpServer() as server:
        server.script(lambda number, recipient: seen.append((number, recipient)))
        submit(server.port, "a@b.example")
        submit(server.port, "c@b.example")
    assert seen == [(1, "a@b.example"), (2, "c@b.example")]


def test_faults_are_counted() -> None:
    with SmtpServer() as server:
        server.script(lambda number, _recipient: Fault.REFUSE if number == 1 else None)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            submit(server.port)
        submit(server.port)
        assert server.faults == {Fault.REFUSE: 1}


def test_twilio_lists_by_number_newest_first_and_knows_its_ledger_again(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    with TwilioServer(ledger=file) as server:
        sids = [create(server, number).json()["sid"] for number in ("+12025550101", "+12025550102", "+12025550101")]
    with TwilioServer(ledger=file) as server:
        query = {"To": "+12025550101", "PageSize": "1"}
        page = requests.get(server.url + MESSAGES, params=query, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5).json()
    assert [message["sid"] for message in page["messages"]] == [sids[2]]


def test_twilio_records_what_callbacks_need(tmp_path: Path) -> None:
    with TwilioServer() as server:
        create(server, "+12025550101", StatusCallback="https://school.example/cb?d=1", ValidityPeriod="60")
        entry = server.accepted[0]
    assert (entry["status_callback"], entry["validity_period"]) == ("https://school.example/cb?d=1", "60")


def test_twilio_wants_its_own_credentials() -> None:
    with TwilioServer(auth_token="right") as server:
        assert create(server, "+12025550101").json()["code"] == 20003
        assert server.accepted == []


@pytest.mark.parametrize("made", [SmtpServer, lambda: Proxy(("127.0.0.1", 1))])
def test_a_connection_that_comes_at_the_end_is_closed_as_well(made: Callable[[], Any]) -> None:
    """What nobody closes comes up as a warning, and so as an error, when it is collected."""
    for _ in range(100):
        with made() as server:
            clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        for client in clients:
            client.close()
    gc.collect()


def test_a_server_can_be_started_again_on_its_port() -> None:
    with SmtpServer() as server:
        submit(server.port)
    with SmtpServer(port=server.port) as again:
        submit(again.port)
        assert len(again.accepted) == 1
