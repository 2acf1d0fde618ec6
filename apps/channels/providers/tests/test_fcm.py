import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.channels.providers import fcm
from apps.channels.providers.base import Accepted, Deferred, Provider, Refused, SettingsError, Throttled, Unknown
from apps.channels.providers.tests import contract
from apps.channels.providers.tests.contract import BODY, TITLE, outgoing
from apps.channels.providers.tests.harness import ServerHarness, closed_port, opened
from tests.servers.base import Fault
from tests.servers.fcm_server import FcmServer


class FcmHarness(ServerHarness):
    def provider(self, **settings: Any) -> Provider:
        account = json.dumps(self.server.service_account)
        known = {"service_account": account, "base_url": self.server.url, **contract.TIMEOUTS}
        return opened(fcm.FcmProvider(known | settings))

    def unreachable(self) -> Provider:
        address = f"http://127.0.0.1:{closed_port()}"
        account = {**self.server.service_account, "token_uri": f"{address}/token"}
        return self.provider(base_url=address, service_account=json.dumps(account))

    def address(self, name: str) -> str:
        return f"device-token-of-{name}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FcmServer]:
    with FcmServer(ledger=tmp_path / "ledger", drip=0.05, retry_after=7) as running:
        yield running


@pytest.fixture
def harness(server: FcmServer) -> FcmHarness:
    return FcmHarness(server)


class TestContract(contract.NetworkContract):
    @pytest.fixture
    def harness(self, server: FcmServer) -> FcmHarness:
        return FcmHarness(server)


def send_one(provider: Provider, *tokens: str, **changes: Any) -> Any:
    return contract.send(provider, [outgoing("", addresses=tokens or ("phone",), **changes)])[0]


def test_what_fcm_is_told(harness: FcmHarness, server: FcmServer) -> None:
    result = send_one(harness.provider(), key="k-17", expires_at=datetime.now(UTC) + timedelta(seconds=90))
    entry = server.accepted[0]
    assert result == Accepted(entry["name"])
    assert (entry["title"], entry["body"], entry["to"]) == (TITLE, BODY, "phone")
    assert {entry["key"], entry["collapse_key"], entry["apns_collapse_id"]} == {"k-17"}
    assert entry["ttl"] in ("89s", "90s")


def test_a_long_key_fits_into_apns(harness: FcmHarness, server: FcmServer) -> None:
    provider = harness.provider()
    for attempt in (1, 2):
        send_one(provider, key="k" * 65, attempt=attempt)
    ids = [entry["apns_collapse_id"] for entry in server.accepted]
    assert len(ids[0].encode()) == 64
    assert ids[0] == ids[1]
    assert server.accepted[0]["collapse_key"] == "k" * 65


@pytest.mark.parametrize(
    ("left", "ttl"), [(None, ""), (timedelta(days=90), "2419200s"), (timedelta(seconds=1.5), "1s")]
)
def test_time_to_live_stays_within_what_fcm_takes(
    harness: FcmHarness, server: FcmServer, left: timedelta | None, ttl: str
) -> None:
    send_one(harness.provider(), expires_at=left and datetime.now(UTC) + left)
    assert server.accepted[0]["ttl"] == ttl


class TestDevices:
    def test_every_device_of_a_person_gets_it(self, harness: FcmHarness, server: FcmServer) -> None:
        assert isinstance(send_one(harness.provider(), "phone", "tablet"), Accepted)
        assert harness.accepted() == ["phone", "tablet"]

    def test_one_live_device_is_enough_and_dead_ones_are_named(self, harness: FcmHarness, server: FcmServer) -> None:
        harness.fault("old", Fault.REFUSE)
        server.malformed.add("broken")
        result = send_one(harness.provider(), "old", "phone", "broken")
        assert isinstance(result, Accepted)
        assert result.dead == ("old", "broken")

    def test_only_dead_devices_is_final(self, harness: FcmHarness) -> None:
        harness.fault("old", Fault.REFUSE)
        harness.fault("older", Fault.REFUSE)
        assert send_one(harness.provider(), "old", "older", "old") == Refused("no_live_device", dead=("old", "older"))

    def test_a_person_without_device_is_refused(self, harness: FcmHarness) -> None:
        assert contract.send(harness.provider(), [outgoing("", addresses=())])[0] == Refused("no_live_device")

    @pytest.mark.parametrize("fault", [Fault.DROP_AFTER_ACCEPT, Fault.THROTTLE, Fault.ERROR])
    def test_trouble_with_one_device_does_not_matter_if_another_took_it(
        self, harness: FcmHarness, fault: Fault
    ) -> None:
        harness.fault("tablet", fault)
        assert isinstance(send_one(harness.provider(), "tablet", "phone"), Accepted)

    def test_an_unknown_device_outweighs_dead_ones(self, harness: FcmHarness) -> None:
        harness.fault("old", Fault.REFUSE)
        harness.fault("phone", Fault.DROP_AFTER_ACCEPT)
        assert isinstance(send_one(harness.provider(), "old", "phone"), Unknown)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault.REFUSE, Refused, "no_live_device"),
        (Fault.REFUSE_CONTENT, Refused, "content_rejected"),
        (Fault.REFUSE_ACCOUNT, Deferred, "account_refused"),
        (Fault.THROTTLE, Throttled, "throttled"),
        (Fault.UNAVAILABLE, Deferred, "provider_error"),
        (Fault.ERROR, Unknown, "provider_error"),
        (Fault.ERROR_AFTER_ACCEPT, Unknown, "provider_error"),
        (Fault.DROP, Unknown, "connection_lost"),
        (Fault.HANG, Unknown, "timeout"),
    ],
)
def test_answers_in_our_words(harness: FcmHarness, fault: Fault, kind: type, code: str) -> None:
    harness.fault("phone", fault)
    result = send_one(harness.provider())
    assert (type(result), result.code) == (kind, code)


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.UNAVAILABLE])
def test_retry_after_is_passed_on(harness: FcmHarness, fault: Fault) -> None:
    harness.fault("phone", fault)
    assert send_one(harness.provider()).retry_after == 7


def test_content_that_is_refused_does_not_kill_the_device(harness: FcmHarness) -> None:
    harness.fault("phone", Fault.REFUSE_CONTENT)
    assert send_one(harness.provider()).dead == ()


def test_a_404_that_is_not_fcms_own_kills_no_device(harness: FcmHarness) -> None:
    result = send_one(harness.provider(project_id="another"))
    assert (type(result), result.code) == (Deferred, "unmapped")


class TestAccessToken:
    def test_is_fetched_once_for_all_threads(self, harness: FcmHarness, server: FcmServer) -> None:
        contract.NetworkContract().test_several_threads_share_one_account(harness, harness.provider())
        assert server.tokens_issued == 1

    def test_fault_34_is_renewed_when_revoked(self, harness: FcmHarness, server: FcmServer) -> None:
        provider = harness.provider()
        send_one(provider)
        server.revoke()
        assert isinstance(send_one(provider), Accepted)
        assert server.tokens_issued == 2

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            (Fault.REFUSE_ACCOUNT, "account_refused"),
            (Fault.ERROR, "provider_unreachable"),
            (Fault.HANG, "provider_unreachable"),
            (Fault.DRIP, "provider_unreachable"),
        ],
    )
    def test_fault_34_without_one_nothing_was_handed_over(
        self, harness: FcmHarness, server: FcmServer, fault: Fault, code: str
    ) -> None:
        server.token_fault = fault
        provider = harness.provider()
        results = contract.send(provider, [outgoing("phone")] * 5)
        assert {(type(result), result.code) for result in results} == {(Deferred, code)}
        assert server.requests == 0

    @pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HANG])
    def test_fault_34_revoked_and_not_to_be_renewed_is_nothing_handed_over(
        self, harness: FcmHarness, server: FcmServer, fault: Fault
    ) -> None:
        provider = harness.provider()
        send_one(provider)
        server.revoke()
        server.token_fault = fault
        result = send_one(provider)
        assert (type(result), result.code) == (Deferred, "provider_unreachable")
        assert len(server.accepted) == 1

    def test_another_key_is_refused(self, harness: FcmHarness, server: FcmServer) -> None:
        account = {**server.service_account, "token_uri": f"{server.url}/token?x"}
        result = send_one(harness.provider(service_account=json.dumps(account)))
        assert (type(result), result.code) == (Deferred, "account_refused")


@pytest.mark.parametrize("value", ["{}", "not json", "[]", '{"type": "service_account"}'])
def test_a_key_file_that_is_none_is_named(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        fcm.FcmProvider({"service_account": value})
    assert set(caught.value.errors) == {"service_account"}
