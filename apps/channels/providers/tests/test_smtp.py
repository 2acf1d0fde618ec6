import email
import email.policy
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.channels.providers import smtp, smtp_replies
from apps.channels.providers.base import Accepted, Deferred, Provider, Refused, SettingsError, Throttled, Unknown
from apps.channels.providers.tests import contract
from apps.channels.providers.tests.contract import BODY, TITLE, outgoing
from apps.channels.providers.tests.harness import ServerHarness, closed_port, opened
from tests.servers.base import Fault
from tests.servers.certificate import Certificate
from tests.servers.smtp_server import SmtpServer

SETTINGS = {
    "host": "127.0.0.1",
    "security": "none",
    "from_address": "notice@school.example",
    "from_name": "教务处",
    **contract.TIMEOUTS,
}


class SmtpHarness(ServerHarness):
    def provider(self, **settings: Any) -> Provider:
        return opened(smtp.SmtpProvider({**SETTINGS, "port": self.server.port, **settings}))

    def unreachable(self) -> Provider:
        return self.provider(port=closed_port())

    def address(self, name: str) -> str:
        return f"{name}@students.example"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmtpServer]:
    with SmtpServer(ledger=tmp_path / "ledger", drip=0.05, keep=True) as running:
        yield running


@pytest.fixture
def harness(server: SmtpServer) -> SmtpHarness:
    return SmtpHarness(server)


class TestContract(contract.NetworkContract):
    @pytest.fixture
    def harness(self, server: SmtpServer) -> SmtpHarness:
        return SmtpHarness(server)


def send_one(provider: Provider, name: str = "zhang", **changes: Any) -> Any:
    return contract.send(provider, [outgoing(f"{name}@students.example", **changes)])[0]


def test_the_message_is_what_was_written(harness: SmtpHarness, server: SmtpServer) -> None:
    send_one(harness.provider(), key="k-17", delivery_id=17, attempt=3)
    message = email.message_from_bytes(server.contents[0], policy=email.policy.default)
    assert message["Subject"] == TITLE
    assert message.get_content().replace("\r\n", "\n").rstrip("\n") == BODY
    assert message["From"] == "教务处 <notice@school.example>"
    assert message["To"] == "zhang@students.example"
    assert message["Message-ID"] == "<k-17@school.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Msgcenter-Delivery"] == "17-3"
    assert message["Date"].datetime.timestamp() == pytest.approx(time.time(), abs=5)
    assert message.get_content_type() == "text/plain"
    assert all(len(line) <= 998 for line in server.contents[0].split(b"\r\n"))


@pytest.mark.parametrize("body", [".", "\n.\n", "a\r\n.\r\nb", "x" * 200_000, "行" * 90_000])
def test_any_body_arrives_whole(harness: SmtpHarness, server: SmtpServer, body: str) -> None:
    assert isinstance(send_one(harness.provider(), body=body), Accepted)
    message = email.message_from_bytes(server.contents[0], policy=email.policy.default)
    assert message.get_content().splitlines() == body.splitlines()


def test_fault_18_the_message_id_is_the_same_on_every_attempt(harness: SmtpHarness, server: SmtpServer) -> None:
    provider = harness.provider(message_id_domain="msg.school.example")
    for attempt in (1, 2):
        send_one(provider, key="same", attempt=attempt)
    assert [entry["message_id"] for entry in server.accepted] == ["same@msg.school.example"] * 2


def test_content_for_all_is_built_once(harness: SmtpHarness) -> None:
    smtp.content.cache_clear()
    contract.send(harness.provider(), [outgoing(f"p{number}@students.example") for number in range(50)])
    assert (smtp.content.cache_info().misses, smtp.content.cache_info().hits) == (1, 49)


@pytest.mark.parametrize("title", ["Exam\r\nBcc: all@school.example", "Exam\nX: y", "Exam\r", "Exam\x00"])
def test_input_42_a_title_cannot_add_headers(harness: SmtpHarness, server: SmtpServer, title: str) -> None:
    result = send_one(harness.provider(), title=title)
    assert (type(result), result.code) == (Refused, "content_rejected")
    assert server.accepted == []


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example\nRCPT TO:<x@y.example>",
        "a b@c.example",
        "a@b@c.example",
        "a@",
        "@b",
        "<a@b.example>",
        "a,b@c.example",
        "",
        "zhang",
        "a@b.example\x00",
        "张@c.example",
    ],
)
def test_input_30_31_what_is_no_address_is_refused_unsent(
    harness: SmtpHarness, server: SmtpServer, address: str
) -> None:
    result = contract.send(harness.provider(), [outgoing(address)])[0]
    assert (type(result), result.code) == (Refused, "no_such_address")
    assert server.connections == 0


def test_an_international_domain_goes_out_in_ascii(harness: SmtpHarness, server: SmtpServer) -> None:
    contract.send(harness.provider(), [outgoing("zhang@学校.example")])
    assert server.accepted[0]["to"] == "zhang@xn--48s290a.example"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault.REFUSE, Refused, "no_such_address"),
        (Fault.REFUSE_CONTENT, Refused, "content_rejected"),
        (Fault.REFUSE_ACCOUNT, Deferred, "account_refused"),
        (Fault.DEFER, Deferred, "try_later"),
        (Fault.DEFER_CONTENT, Deferred, "provider_error"),
        (Fault.UNAVAILABLE, Deferred, "provider_error"),
        (Fault.DROP, Deferred, "connection_lost"),
        (Fault.HANG, Deferred, "timeout"),
        (Fault.DROP_AFTER_ACCEPT, Unknown, "connection_lost"),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_fault_18_what_a_break_at_each_stage_means(
    tmp_path: Path, fault: Fault, kind: type, code: str, pipelining: bool
) -> None:
    with SmtpServer(pipelining=pipelining) as server:
        harness = SmtpHarness(server)
        harness.fault("zhang@students.example", fault)
        provider = harness.provider()
        result = send_one(provider)
        assert (type(result), result.code) == (kind, code)
        assert isinstance(send_one(provider, "next"), Accepted)


@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        ("recipient", 550, "no", (Refused, "no_such_address")),
        ("recipient", 550, "5.7.1 relaying denied", (Refused, "rejected")),
        ("recipient", 552, "5.2.2 over quota", (Refused, "mailbox_full")),
        ("recipient", 452, "4.2.2 over quota", (Deferred, "mailbox_full")),
        ("recipient", 450, "4.7.1 greylisted", (Deferred, "try_later")),
        ("recipient", 451, "Too many connections from you", (Throttled, "throttled")),
        ("recipient", 421, "4.7.28 rate limit", (Throttled, "throttled")),
        ("sender", 550, "5.7.1 sender not yours", (Deferred, "account_refused")),
        ("sender", 552, "5.3.4 message too big", (Refused, "content_rejected")),
        ("content", 554, "spam", (Refused, "content_rejected")),
        ("content", 550, "5.7.1 policy", (Refused, "rejected")),
        ("content", 451, "busy", (Deferred, "try_later")),
        ("recipient", 550, "5.1.8 sender domain not found", (Deferred, "account_refused")),
        ("recipient", 550, "5.1.10 null MX", (Refused, "no_such_address")),
        ("recipient", 556, "domain takes no mail", (Refused, "no_such_address")),
        ("recipient", 550, "5.7.17 the owner has changed", (Refused, "no_such_address")),
        ("recipient", 550, "5.2.4 list", (Refused, "rejected")),
        ("recipient", 550, "your IP is on a blacklist", (Refused, "rejected")),
        ("recipient", 554, "5.4.6 loop", (Refused, "rejected")),
        ("recipient", 552, "5.5.3 too many", (Throttled, "throttled")),
        ("recipient", 550, "5.7.28 mail flood", (Throttled, "throttled")),
        ("recipient", 554, "5.3.5 misconfigured", (Deferred, "provider_error")),
        ("recipient", 454, "4.7.0 login is down", (Deferred, "provider_error")),
        ("recipient", 421, "closing", (Deferred, "provider_unreachable")),
        ("recipient", 530, "5.7.0 log in first", (Deferred, "account_refused")),
        ("recipient", 525, "5.7.13 disabled", (Deferred, "account_refused")),
        ("recipient", 599, "of tomorrow", (Refused, "rejected")),
        ("recipient", 499, "of tomorrow", (Deferred, "try_later")),
        ("content", 550, "5.7.26 DMARC", (Deferred, "account_refused")),
        ("content", 554, "5.6.0 media", (Refused, "content_rejected")),
        ("content", 452, "4.3.1 disk full", (Deferred, "provider_error")),
        ("sender", 530, "5.7.10 encrypt", (Deferred, "account_refused")),
        ("recipient", 550, "4.2.2 contradicts itself", (Refused, "no_such_address")),
        ("recipient", 299, "?", (Deferred, "unmapped")),
    ],
)
def test_replies_in_our_words(stage: str, code: int, text: str, expected: tuple[type, str]) -> None:
    result = smtp_replies.classify(stage, code, text)
    assert (type(result), result.code) == expected


def test_fault_16_a_dead_server_is_opened_once_more_and_then_left_alone(
    harness: SmtpHarness, server: SmtpServer
) -> None:
    server.script(lambda _number, _recipient: Fault.DROP)
    results = contract.send(harness.provider(), [outgoing(f"p{number}@students.example") for number in range(30)])
    assert {type(result) for result in results} == {Deferred}
    assert server.connections == 2


def test_fault_16_a_name_that_does_not_resolve_is_unreachable(harness: SmtpHarness) -> None:
    result = send_one(harness.provider(host="no-such-host.invalid"))
    assert (type(result), result.code) == (Deferred, "provider_unreachable")


@pytest.mark.parametrize("greeting", ["554 no service", "421 4.3.2 busy", "hello?"])
def test_a_greeting_that_refuses_is_unreachable(greeting: str) -> None:
    with SmtpServer(greeting=greeting) as server:
        results = contract.send(SmtpHarness(server).provider(), [outgoing("a@b.example")] * 5)
        assert {(type(result), result.code) for result in results} == {(Deferred, "provider_unreachable")}
        assert server.connections == 2


def test_a_silent_greeting_costs_the_time_to_connect() -> None:
    with SmtpServer(greeting="") as server:
        start = time.monotonic()
        result = send_one(SmtpHarness(server).provider())
        assert (type(result), result.code) == (Deferred, "provider_unreachable")
        assert time.monotonic() - start < contract.TOTAL + contract.ROOM


@pytest.mark.parametrize("password", ["wrong", "falsch-ü"])
def test_fault_34_a_refused_login_is_the_accounts_trouble_and_asked_once(password: str) -> None:
    with SmtpServer(users={"msgcenter": "right"}) as server:
        provider = SmtpHarness(server).provider(username="msgcenter", password=password)
        results = contract.send(provider, [outgoing("a@b.example")] * 10)
        assert {(type(result), result.code) for result in results} == {(Deferred, "account_refused")}
        assert server.connections == 1
        assert server.accepted == []


def test_login_with_the_right_password() -> None:
    with SmtpServer(users={"msgcenter": "right"}) as server:
        assert isinstance(send_one(SmtpHarness(server).provider(username="msgcenter", password="right")), Accepted)


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_encrypted_with_the_schools_own_authority(security: str) -> None:
    certificate = Certificate()
    context = certificate.server_context()
    with SmtpServer(**{"tls" if security == "starttls" else "encrypted": context}) as server:
        harness = SmtpHarness(server)
        trusting = harness.provider(security=security, ca_certificate=certificate.pem, total_timeout_ms=3000)
        assert [type(send_one(trusting, body=body)) for body in ("a", "b" * 100_000)] == [Accepted, Accepted]
        assert [entry["secure"] for entry in server.accepted] == [True, True]
        result = send_one(harness.provider(security=security))
        assert (type(result), result.code) == (Deferred, "provider_unreachable")


def test_nothing_said_before_the_encryption_counts() -> None:
    certificate = Certificate()
    with SmtpServer(tls=certificate.server_context(), keep=True) as server:
        server.injected = b"250 SIZE 1\r\n"
        provider = SmtpHarness(server).provider(security="starttls", ca_certificate=certificate.pem)
        assert isinstance(send_one(provider), Accepted)
        assert len(server.accepted) == 1


def test_starttls_is_not_skipped_where_the_server_does_not_offer_it(harness: SmtpHarness, server: SmtpServer) -> None:
    result = send_one(harness.provider(security="starttls"))
    assert (type(result), result.code) == (Deferred, "provider_unreachable")
    assert server.accepted == []


def test_an_idle_connection_is_asked_before_it_is_used(
    harness: SmtpHarness, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = harness.provider()
    send_one(provider)
    before = server.commands
    monkeypatch.setattr(smtp, "IDLE_SECONDS", 0)
    send_one(provider, "li")
    assert server.commands - before == 4
    assert server.connections == 1


def test_each_thread_has_its_own_connection(harness: SmtpHarness, server: SmtpServer) -> None:
    provider = harness.provider()
    for name in ("a", "b"):
        thread = threading.Thread(target=lambda name=name: (send_one(provider, name), provider.close()))
        thread.start()
        thread.join()
    assert server.connections == 2


def test_close_lets_go_of_the_connection(harness: SmtpHarness, server: SmtpServer) -> None:
    provider = harness.provider()
    send_one(provider)
    provider.close()
    send_one(provider)
    assert server.connections == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from_address", "nobody"),
        ("from_name", "a\nBcc: x@y.example"),
        ("message_id_domain", "a b>"),
        ("security", "maybe"),
        ("port", "25"),
    ],
)
def test_settings_that_do_not_fit_are_named(name: str, value: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        smtp.SmtpProvider({**SETTINGS, name: value})
    assert set(caught.value.errors) == {name}


def test_ssl_context_of_the_default_checks_certificates() -> None:
    context = smtp.SmtpProvider({**SETTINGS, "security": "ssl"})._context()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_expiry_in_the_future_changes_nothing(harness: SmtpHarness) -> None:
    assert isinstance(send_one(harness.provider(), expires_at=datetime.now(UTC) + timedelta(seconds=30)), Accepted)
