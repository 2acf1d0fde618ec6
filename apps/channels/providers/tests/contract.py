"""What every provider must hold. A provider adds one subclass that supplies a `harness`.

`ProviderContract` is for all, `NetworkContract` for those that speak to a server, `ReceiptsContract` for those that
report back.
"""

import dataclasses
import json
import logging
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from apps.channels.providers.base import (
    Accepted,
    Callback,
    Deferred,
    Outgoing,
    Provider,
    Refused,
    Reported,
    Result,
    SettingsError,
    Throttled,
    Unknown,
    Witness,
)
from apps.channels.providers.reasons import REASONS
from tests.servers.base import Fault

# The time limits of the tests: short, with room for a busy machine. A server that hangs does so for an hour.
TIMEOUTS = {"connect_timeout_ms": 500, "total_timeout_ms": 600}
TOTAL = 0.6
ROOM = 3
TITLE = "期末考试安排 Exams"
BODY = "第一行\n.a line with a dot\n最后一行"


class Harness(Protocol):
    """The provider under test, and the other side of it."""

    def provider(self, **settings: Any) -> Provider: ...

    def address(self, name: str) -> str:
        """An address of its own for each name."""

    def fault(self, address: str, fault: Fault) -> None:
        """From now on this recipient meets this fault."""

    def accepted(self) -> list[str]:
        """The addresses of what was accepted, from the ledger of the other side."""


class NetworkHarness(Harness, Protocol):
    def unreachable(self) -> Provider:
        """The provider with nobody listening at its address."""

    @property
    def server(self) -> Any: ...


def outgoing(address: str, **changes: Any) -> Outgoing:
    number = changes.pop("number", 1)
    values = {"delivery_id": number, "attempt": 1, "key": f"d-{number}-{address[:40]}", "addresses": (address,)}
    return Outgoing(**(values | {"title": TITLE, "body": BODY} | changes))


class Recorder(Witness):
    """What the other side had taken when each call began, and what each came to."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.begins_at: dict[int, list[str]] = {}
        self.ends: dict[int, Result] = {}

    def begins(self, delivery_id: int) -> None:
        self.begins_at[delivery_id] = self.harness.accepted()

    def ended(self, delivery_id: int, result: Result) -> None:
        self.ends[delivery_id] = result


def send(provider: Provider, batch: list[Outgoing]) -> list[Result]:
    results = provider.send(batch)
    assert len(results) == len(batch)
    for result in results:
        assert isinstance(result, Accepted) or result.code in REASONS
    return results


class ProviderContract:
    has_reference = True
    # Names that the mixed batch and the single tests refuse, defer and throttle with.
    refuse, defer, throttle = Fault.REFUSE, Fault.DEFER, Fault.THROTTLE

    @pytest.fixture
    def harness(self) -> Harness:
        raise NotImplementedError

    @pytest.fixture
    def provider(self, harness: Harness) -> Provider:
        return harness.provider()

    def one(self, harness: Harness, provider: Provider, fault: Fault | None, name: str = "zhang") -> Result:
        address = harness.address(name)
        if fault:
            harness.fault(address, fault)
        return send(provider, [outgoing(address)])[0]

    def test_an_accept_is_on_the_other_sides_ledger(self, harness: Harness, provider: Provider) -> None:
        result = self.one(harness, provider, None)
        assert isinstance(result, Accepted)
        assert bool(result.reference) == self.has_reference
        assert harness.accepted() == [harness.address("zhang")]

    def test_an_empty_batch_is_nothing(self, provider: Provider) -> None:
        assert provider.send([]) == []

    def test_a_refusal_is_final_and_nothing_is_taken(self, harness: Harness, provider: Provider) -> None:
        assert isinstance(self.one(harness, provider, self.refuse), Refused)
        assert harness.accepted() == []

    def test_a_deferral_may_be_tried_again(self, harness: Harness, provider: Provider) -> None:
        assert isinstance(self.one(harness, provider, self.defer), Deferred)
        assert harness.accepted() == []

    def test_too_fast_is_throttled(self, harness: Harness, provider: Provider) -> None:
        assert isinstance(self.one(harness, provider, self.throttle), Throttled)
        assert harness.accepted() == []

    def test_fault_18_a_bad_row_leaves_the_others_alone_and_the_order_stands(
        self, harness: Harness, provider: Provider
    ) -> None:
        names = ["a", "bad1", "b", "bad2", "c", "bad3", "d"]
        faults = {"bad1": self.refuse, "bad2": self.defer, "bad3": self.refuse}
        addresses = [harness.address(name) for name in names]
        for name, fault in faults.items():
            harness.fault(harness.address(name), fault)
        results = send(provider, [outgoing(address, number=number) for number, address in enumerate(addresses)])
        kinds = [type(result) for result in results]
        assert kinds == [Accepted, Refused, Accepted, Deferred, Accepted, Refused, Accepted]
        assert harness.accepted() == [harness.address(name) for name in "abcd"]

    def test_an_expired_message_is_not_sent(self, harness: Harness, provider: Provider) -> None:
        late = outgoing(harness.address("late"), expires_at=datetime.now(UTC) - timedelta(seconds=1))
        fine = outgoing(harness.address("fine"), expires_at=datetime.now(UTC) + timedelta(hours=1))
        results = send(provider, [late, fine])
        assert results[0] == Refused("expired")
        assert isinstance(results[1], Accepted)
        assert harness.accepted() == [harness.address("fine")]

    @pytest.mark.parametrize(
        "changes", [{"addresses": ()}, {"body": "\x00"}, {"body": "\ud800"}, {"body": "好" * 50000}]
    )
    def test_whatever_comes_send_does_not_raise(
        self, harness: Harness, provider: Provider, changes: dict[str, Any]
    ) -> None:
        results = send(provider, [outgoing(harness.address("odd"), **changes), outgoing(harness.address("next"))])
        assert isinstance(results[1], Accepted)
        assert harness.address("next") in harness.accepted()

    def test_a_witness_sees_every_call_begin_and_end(self, harness: Harness, provider: Provider) -> None:
        harness.fault(harness.address("b"), self.refuse)
        batch = [outgoing(harness.address(name), number=number) for number, name in enumerate("abc")]
        witness = Recorder(harness)
        results = provider.send(batch, witness=witness)
        assert witness.ends == dict(enumerate(results))
        assert all(harness.address("abc"[number]) not in taken for number, taken in witness.begins_at.items())
        assert list(witness.begins_at) == [0, 1, 2]

    def test_what_is_not_tried_no_witness_sees(self, harness: Harness, provider: Provider) -> None:
        witness = Recorder(harness)
        provider.send([outgoing(harness.address("a"))], deadline=time.monotonic() - 1, witness=witness)
        assert not witness.begins_at

    def test_nothing_starts_after_the_deadline(self, harness: Harness, provider: Provider) -> None:
        batch = [outgoing(harness.address(name)) for name in ("a", "b")]
        results = provider.send(batch, deadline=time.monotonic() - 1)
        assert [(type(result), result.code) for result in results] == [(Throttled, "out_of_time")] * 2
        assert harness.accepted() == []

    def test_settings_survive_storage_and_say_what_is_wrong(self, provider: Provider) -> None:
        stored = json.loads(json.dumps(provider.settings))
        assert type(provider).clean(stored) == provider.settings
        with pytest.raises(SettingsError) as caught:
            type(provider).clean(stored | {"nonsense": 1})
        assert set(caught.value.errors) == {"nonsense"}
        for item in provider.schema:
            if item.required and item.default is None:
                with pytest.raises(SettingsError) as caught:
                    type(provider).clean(stored | {item.name: ""})
                assert item.name in caught.value.errors

    def test_secrets_and_people_are_not_in_the_repr(self, harness: Harness, provider: Provider) -> None:
        for item in provider.schema:
            if "secret" in item.kind and provider.settings[item.name]:
                assert str(provider.settings[item.name]) not in repr(provider)
        shown = repr(outgoing(harness.address("zhang"), key="k"))
        assert harness.address("zhang") not in shown
        assert TITLE not in shown

    def test_several_threads_share_one_account(self, harness: Harness, provider: Provider) -> None:
        expected = [[harness.address(f"t{thread}-{number}") for number in range(25)] for thread in range(4)]
        results: list[Result] = []

        def work(addresses: list[str]) -> None:
            results.extend(send(provider, [outgoing(address) for address in addresses]))
            provider.close()

        threads = [threading.Thread(target=work, args=(addresses,)) for addresses in expected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Counter(type(result) for result in results) == {Accepted: 100}
        assert sorted(harness.accepted()) == sorted(address for addresses in expected for address in addresses)

    def test_find_knows_what_was_accepted_and_nothing_else(self, harness: Harness, provider: Provider) -> None:
        if not provider.can_find:
            pytest.skip("this provider has no evidence to ask for")
        since = datetime.now(UTC)
        sent, unsent = outgoing(harness.address("zhang")), outgoing(harness.address("li"), number=2)
        accepted = send(provider, [sent])[0]
        assert provider.find(sent, since=since) == accepted
        assert provider.find(unsent, since=since) is None

    def test_logs_name_no_address_and_no_text(
        self, harness: Harness, provider: Provider, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for number, fault in enumerate((None, self.refuse, self.defer, self.throttle)):
            self.one(harness, provider, fault, name=f"secret{number}")
        send(provider, [outgoing(harness.address("odd"), body="\ud800 geheim")])
        if provider.can_find:
            provider.find(outgoing(harness.address("secret0")), since=datetime.now(UTC))
        logged = caplog.text + "".join(repr(record.args) for record in caplog.records)
        for secret in (harness.address("secret0")[1:], harness.address("secret1")[1:], "geheim", "Exams", "期末"):
            assert secret not in logged

    def test_every_provider_can_say_that_it_is_well(self, provider: Provider) -> None:
        provider.health()


class NetworkContract(ProviderContract):
    def timed(self, provider: Provider, batch: list[Outgoing]) -> tuple[list[Result], float]:
        start = time.monotonic()
        return send(provider, batch), time.monotonic() - start

    def test_fault_16_nobody_listening_is_deferred_and_not_hammered(
        self, harness: NetworkHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        provider = harness.unreachable()
        tries: list[Outgoing] = []
        deliver = provider.deliver_before
        monkeypatch.setattr(provider, "deliver_before", lambda one, next: tries.append(one) or deliver(one, next))
        batch = [outgoing(harness.address(f"p{number}")) for number in range(50)]
        results, seconds = self.timed(provider, batch)
        assert {(type(result), result.code) for result in results} == {(Deferred, "provider_unreachable")}
        assert tries == batch[:2]
        assert seconds < TOTAL + ROOM
        with pytest.raises(OSError):  # noqa: PT011
            provider.health()

    def test_fault_17_a_connection_reset_after_the_accept_is_unknown(
        self, harness: NetworkHarness, provider: Provider
    ) -> None:
        result = self.one(harness, provider, Fault.DROP_AFTER_ACCEPT)
        assert (type(result), result.code) == (Unknown, "connection_lost")
        assert harness.accepted() == [harness.address("zhang")]

    def test_fault_17_an_unknown_outcome_leaves_the_others_alone(
        self, harness: NetworkHarness, provider: Provider
    ) -> None:
        harness.fault(harness.address("bad"), Fault.DROP_AFTER_ACCEPT)
        results = send(provider, [outgoing(harness.address(name)) for name in ("a", "bad", "b", "c")])
        assert [type(result) for result in results] == [Accepted, Unknown, Accepted, Accepted]
        assert harness.accepted() == [harness.address(name) for name in ("a", "bad", "b", "c")]

    @pytest.mark.parametrize("fault", [Fault.HANG_AFTER_ACCEPT, Fault.DRIP])
    def test_fault_13_17_the_total_limit_holds(self, harness: NetworkHarness, provider: Provider, fault: Fault) -> None:
        harness.fault(harness.address("zhang"), fault)
        results, seconds = self.timed(provider, [outgoing(harness.address("zhang"))])
        assert (type(results[0]), results[0].code) == (Unknown, "timeout")
        assert TOTAL * 0.9 < seconds < TOTAL + ROOM
        assert isinstance(self.one(harness, provider, None, name="next"), Accepted)

    def test_fault_13_a_provider_that_hangs_does_not_hold_the_batch(
        self, harness: NetworkHarness, provider: Provider
    ) -> None:
        harness.server.script(lambda _number, _recipient: Fault.HANG_AFTER_ACCEPT)
        batch = [outgoing(harness.address(f"p{number}")) for number in range(20)]
        results, seconds = self.timed(provider, batch)
        assert [type(result) for result in results[:2]] == [Unknown, Unknown]
        assert {type(result) for result in results[2:]} == {Deferred}
        assert seconds < 2 * TOTAL + ROOM
        assert len(harness.accepted()) == 2

    def test_fault_15_a_storm_of_throttling_is_not_answered_with_more(
        self, harness: NetworkHarness, provider: Provider
    ) -> None:
        harness.server.script(lambda _number, _recipient: Fault.THROTTLE)
        results = send(provider, [outgoing(harness.address(f"p{number}")) for number in range(20)])
        assert {type(result) for result in results} == {Throttled}
        assert harness.server.requests == 2

    def test_an_answer_in_no_known_language_is_no_accept(self, harness: NetworkHarness, provider: Provider) -> None:
        result = self.one(harness, provider, Fault.GARBAGE)
        assert isinstance(result, Deferred | Unknown)
        assert isinstance(self.one(harness, provider, None, name="next"), Accepted)

    def test_connections_are_kept(self, harness: NetworkHarness, provider: Provider) -> None:
        for batch in range(4):
            send(provider, [outgoing(harness.address(f"p{batch}-{number}")) for number in range(25)])
        assert harness.server.connections == 1
        assert len(harness.accepted()) == 100

    def test_a_kept_connection_that_the_server_closed_costs_nothing(
        self, harness: NetworkHarness, provider: Provider
    ) -> None:
        self.one(harness, provider, None, name="before")
        harness.server.drop_connections()
        time.sleep(0.1)
        assert isinstance(self.one(harness, provider, None, name="after"), Accepted)
        assert harness.accepted() == [harness.address("before"), harness.address("after")]

    def test_no_address_in_the_detail(self, harness: NetworkHarness, provider: Provider) -> None:
        result = self.one(harness, provider, self.refuse)
        assert harness.address("zhang") not in result.detail


CALLBACK_URL = "https://msg.school.example/callbacks/some/7/42/1"


class ReceiptsHarness(Protocol):
    def provider(self, **settings: Any) -> Provider: ...

    def callback(self, status: Reported | None, *, address: str, url: str = CALLBACK_URL) -> Callback:
        """A genuine one about a message to `address`; None: in words nobody knows."""

    def stranger(self) -> Provider:
        """The same kind of account with another secret."""


class ReceiptsContract:
    ADDRESS = "+12025550123"

    @pytest.fixture
    def receipts(self) -> ReceiptsHarness:
        raise NotImplementedError

    @pytest.fixture
    def genuine(self, receipts: ReceiptsHarness) -> Callback:
        return receipts.callback(Reported.DELIVERED, address=self.ADDRESS)

    def test_a_genuine_callback_is_authentic(self, receipts: ReceiptsHarness, genuine: Callback) -> None:
        assert receipts.provider().receives
        assert receipts.provider().authentic(genuine)

    def test_input_50_a_secret_of_before_or_of_somebody_else_is_not(
        self, receipts: ReceiptsHarness, genuine: Callback
    ) -> None:
        assert not receipts.stranger().authentic(genuine)

    @pytest.mark.parametrize(
        "changes",
        [
            {"url": "https://msg.school.example/callbacks/some/7/43/1"},
            {"url": "https://evil.example/callbacks/some/7/42/1"},
            {"headers": {}},
            {"body": b""},
            {"body": b"\xff\x00\xfe"},
            {"body": b"&" * 5000},
            {"content_type": ""},
            {"content_type": "application/json"},
        ],
        ids=str,
    )
    def test_fault_20_whatever_was_altered_is_not_authentic_and_raises_nothing(
        self, receipts: ReceiptsHarness, genuine: Callback, changes: dict[str, Any]
    ) -> None:
        assert not receipts.provider().authentic(dataclasses.replace(genuine, **changes))

    def test_fault_20_one_changed_byte_is_enough(self, receipts: ReceiptsHarness, genuine: Callback) -> None:
        provider = receipts.provider()
        for place in range(len(genuine.body)):
            other = bytes((genuine.body[place] ^ 1,))
            altered = genuine.body[:place] + other + genuine.body[place + 1 :]
            assert not provider.authentic(dataclasses.replace(genuine, body=altered)), altered

    @pytest.mark.parametrize("status", list(Reported))
    def test_reports_are_read_in_our_words_without_the_headers(
        self, receipts: ReceiptsHarness, status: Reported
    ) -> None:
        callback = receipts.callback(status, address=self.ADDRESS)
        (event,) = receipts.provider().parse_receipts(dataclasses.replace(callback, headers={}))
        assert event.status is status
        assert (event.code in REASONS) if status is Reported.FAILED else event.code == ""
        assert event.reference
        assert self.ADDRESS not in event.detail

    def test_input_52_words_nobody_knows_have_no_status(self, receipts: ReceiptsHarness) -> None:
        (event,) = receipts.provider().parse_receipts(receipts.callback(None, address=self.ADDRESS))
        assert event.status is None
        assert event.detail
