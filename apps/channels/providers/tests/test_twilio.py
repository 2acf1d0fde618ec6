import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.channels.providers import http, twilio, twilio_codes
from apps.channels.providers.base import Accepted, Deferred, Provider, Refused, SettingsError, Throttled, Unknown
from apps.channels.providers.reasons import REASONS
from apps.channels.providers.tests import contract
from apps.channels.providers.tests.contract import BODY, outgoing
from apps.channels.providers.tests.harness import ServerHarness, closed_port, opened
from tests.servers.base import Fault
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN, TwilioServer

NUMBER = "+12025550123"
SETTINGS = {
    "account_sid": ACCOUNT_SID,
    "auth_token": AUTH_TOKEN,
    "from_number": "+12025550100",
    **contract.TIMEOUTS,
}


class TwilioHarness(ServerHarness):
    def provider(self, **settings: Any) -> Provider:
        return opened(twilio.TwilioProvider({**SETTINGS, "base_url": self.server.url, **settings}))

    def unreachable(self) -> Provider:
        return self.provider(base_url=f"http://127.0.0.1:{closed_port()}")

    def address(self, name: str) -> str:
        return f"+1202{int.from_bytes(name.encode()) % 10**7:07d}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TwilioServer]:
    with TwilioServer(ledger=tmp_path / "ledger", drip=0.05, retry_after=7) as running:
        yield running


@pytest.fixture
def harness(server: TwilioServer) -> TwilioHarness:
    return TwilioHarness(server)


class TestContract(contract.NetworkContract):
    @pytest.fixture
    def harness(self, server: TwilioServer) -> TwilioHarness:
        return TwilioHarness(server)


def send_one(provider: Provider, **changes: Any) -> Any:
    return contract.send(provider, [outgoing(NUMBER, **changes)])[0]


def test_what_twilio_is_told(harness: TwilioHarness, server: TwilioServer) -> None:
    callback = "https://msg.school.example/callbacks/twilio/17/1"
    result = send_one(harness.provider(), callback_url=callback, expires_at=datetime.now(UTC) + timedelta(seconds=90))
    entry = server.accepted[0]
    assert result == Accepted(entry["sid"])
    assert (entry["to"], entry["from"], entry["body"]) == (NUMBER, "+12025550100", BODY)
    assert entry["status_callback"] == callback
    assert entry["messaging_service_sid"] == ""
    assert 85 <= int(entry["validity_period"]) <= 90


def test_a_messaging_service_in_place_of_a_number(harness: TwilioHarness, server: TwilioServer) -> None:
    send_one(harness.provider(from_number="", messaging_service_sid="MG1"))
    assert (server.accepted[0]["from"], server.accepted[0]["messaging_service_sid"]) == ("", "MG1")


@pytest.mark.parametrize(
    ("left", "expected"), [(None, ""), (timedelta(days=3), "36000"), (timedelta(seconds=1.5), "1")]
)
def test_validity_stays_within_what_twilio_takes(
    harness: TwilioHarness, server: TwilioServer, left: timedelta | None, expected: str
) -> None:
    send_one(harness.provider(), expires_at=left and datetime.now(UTC) + left)
    assert server.accepted[0]["validity_period"] == expected


def test_no_callback_without_a_public_address(harness: TwilioHarness, server: TwilioServer) -> None:
    send_one(harness.provider())
    assert server.accepted[0]["status_callback"] == ""


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (21211, Refused, "no_such_number"),
        (21610, Refused, "opted_out"),
        (21614, Refused, "no_such_number"),
        (21617, Refused, "content_rejected"),
        (21606, Deferred, "account_refused"),
        (20003, Deferred, "account_refused"),
        (21611, Throttled, "throttled"),
        (10001, Deferred, "account_refused"),
        (30032, Deferred, "account_refused"),
        (21268, Refused, "unreachable_number"),
        (63017, Throttled, "throttled"),
        (12345, Deferred, "unmapped"),
    ],
)
def test_codes_in_our_words(harness: TwilioHarness, server: TwilioServer, code: int, kind: type, reason: str) -> None:
    server.codes[NUMBER] = code
    result = send_one(harness.provider())
    assert (type(result), result.code) == (kind, reason)
    assert str(code) in result.detail
    assert NUMBER not in result.detail


def test_no_code_of_the_account_ends_a_delivery() -> None:
    about_account = {make for make, code in twilio_codes.RESULTS.values() if code == "account_refused"}
    about_speed = {make for make, code in twilio_codes.RESULTS.values() if code == "throttled"}
    assert (about_account, about_speed) == ({Deferred}, {Throttled})


def test_every_mapped_code_is_one_of_our_words() -> None:
    assert {code for _make, code in twilio_codes.RESULTS.values()} <= REASONS.keys()


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault.REFUSE_ACCOUNT, Deferred, "account_refused"),
        (Fault.ERROR, Unknown, "provider_error"),
        (Fault.ERROR_AFTER_ACCEPT, Unknown, "provider_error"),
        (Fault.UNAVAILABLE, Unknown, "provider_error"),
        (Fault.DROP, Unknown, "connection_lost"),
        (Fault.HANG, Unknown, "timeout"),
        (Fault.GARBAGE, Unknown, "connection_lost"),
    ],
)
def test_fault_14_after_the_hand_over_only_a_clear_no_is_a_no(
    harness: TwilioHarness, fault: Fault, kind: type, code: str
) -> None:
    harness.fault(NUMBER, fault)
    result = send_one(harness.provider())
    assert (type(result), result.code) == (kind, code)


def test_retry_after_is_passed_on(harness: TwilioHarness) -> None:
    harness.fault(NUMBER, Fault.THROTTLE)
    assert send_one(harness.provider()).retry_after == 7


def test_fault_34_a_wrong_token_is_asked_once(harness: TwilioHarness, server: TwilioServer) -> None:
    provider = harness.provider(auth_token="old")
    results = contract.send(provider, [outgoing(NUMBER)] * 10)
    assert {(type(result), result.code) for result in results} == {(Deferred, "account_refused")}
    assert server.requests == 0
    with pytest.raises(OSError, match="20003"):
        provider.health()


class TestFind:
    def test_fault_03_finds_what_was_taken_before_the_answer_was_lost(
        self, harness: TwilioHarness, server: TwilioServer
    ) -> None:
        harness.fault(NUMBER, Fault.DROP_AFTER_ACCEPT)
        provider, since = harness.provider(), datetime.now(UTC)
        assert isinstance(send_one(provider), Unknown)
        assert provider.find(outgoing(NUMBER), since=since) == Accepted(server.accepted[0]["sid"])

    def test_an_older_message_with_the_same_text_is_no_evidence(self, harness: TwilioHarness) -> None:
        provider = harness.provider()
        send_one(provider)
        assert provider.find(outgoing(NUMBER), since=datetime.now(UTC) + timedelta(minutes=1)) is None

    def test_another_text_to_the_same_number_is_no_evidence(self, harness: TwilioHarness) -> None:
        provider, since = harness.provider(), datetime.now(UTC)
        send_one(provider, body="something else")
        assert provider.find(outgoing(NUMBER), since=since) is None

    def test_what_twilio_could_not_send_is_refused(self, harness: TwilioHarness, server: TwilioServer) -> None:
        provider, since = harness.provider(), datetime.now(UTC)
        send_one(provider)
        server.accepted[0].update(status="undelivered", error_code=30005)
        found = provider.find(outgoing(NUMBER), since=since)
        assert (type(found), found.code) == (Refused, "no_such_number")

    def test_a_list_that_cannot_be_had_is_no_answer(self, harness: TwilioHarness, server: TwilioServer) -> None:
        server.listed = False
        with pytest.raises(OSError, match="503"):
            harness.provider().find(outgoing(NUMBER), since=datetime.now(UTC))


def test_threads_have_a_connection_each(harness: TwilioHarness, server: TwilioServer) -> None:
    provider = harness.provider()
    for _round in range(3):
        thread = threading.Thread(target=lambda: (send_one(provider), provider.close()))
        thread.start()
        thread.join()
    assert server.connections == 3


def test_a_connection_that_idled_is_not_used(
    harness: TwilioHarness, server: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = harness.provider()
    send_one(provider)
    monkeypatch.setattr(http, "IDLE_SECONDS", 0)
    send_one(provider)
    assert server.connections == 2


def test_the_process_environment_is_not_read(harness: TwilioHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    assert isinstance(send_one(harness.provider()), Accepted)


def test_twilios_own_log_is_silent(harness: TwilioHarness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="twilio")
    provider = harness.provider()
    send_one(provider)
    provider.find(outgoing(NUMBER), since=datetime.now(UTC))
    assert NUMBER[1:] not in caplog.text


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_of_the_environment_is_used(
    harness: TwilioHarness, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = scheme + harness.server.url.removeprefix("http://")
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    assert isinstance(send_one(harness.provider(base_url="http://twilio.invalid")), Accepted)
    harness.fault(NUMBER, Fault.DRIP)
    assert send_one(harness.provider(base_url="http://twilio.invalid")).code == "timeout"


@pytest.mark.parametrize("changes", [{"from_number": ""}, {"messaging_service_sid": "MG1"}])
def test_exactly_one_sender(changes: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        twilio.TwilioProvider({**SETTINGS, **changes})
    assert set(caught.value.errors) == {"from_number"}


def test_the_address_of_the_api_is_twilios_unless_set() -> None:
    assert twilio.TwilioProvider(SETTINGS).settings["base_url"] == "https://api.twilio.com"
