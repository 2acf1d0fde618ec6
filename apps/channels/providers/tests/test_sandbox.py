import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import translation

from apps.channels.providers import sandbox
from apps.channels.providers.base import Accepted, Deferred, Provider, Refused, Result, Throttled, Unknown
from apps.channels.providers.tests import contract
from apps.channels.providers.tests.contract import BODY, TITLE, outgoing
from tests.servers.base import Fault

NOW = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> sandbox.MemoryOutbox:
    memory = sandbox.MemoryOutbox()
    monkeypatch.setattr(sandbox, "outbox", memory)
    return memory


class SandboxHarness:
    """The sandbox has no other side: simulated recipients and its mode stand for the faults."""

    def __init__(self, outbox: sandbox.MemoryOutbox) -> None:
        self._outbox = outbox
        self._mode = "accept"
        self._parts: dict[str, str] = {}

    def provider(self, **settings: Any) -> Provider:
        return sandbox.SandboxProvider(settings)

    def address(self, name: str) -> str:
        part = {"bad1": "dead.", "bad3": "dead+", "bad2": "busy."}.get(name, "")
        return f"{part}{name}@students.example"

    def fault(self, address: str, fault: Fault) -> None:
        """Only with the names above."""

    def accepted(self) -> list[str]:
        return [record.addresses[0] for record in self._outbox.records]


class TestContract(contract.ProviderContract):
    @pytest.fixture
    def harness(self, outbox: sandbox.MemoryOutbox) -> SandboxHarness:
        return SandboxHarness(outbox)

    def one(self, harness: SandboxHarness, provider: Provider, fault: Fault | None, name: str = "zhang") -> Result:
        mode = {Fault.REFUSE: "refuse", Fault.DEFER: "defer", Fault.THROTTLE: "throttle", None: "accept"}[fault]
        return contract.send(harness.provider(mode=mode), [outgoing(harness.address(name))])[0]


def send_one(*addresses: str, **changes: Any) -> Result:
    return contract.send(sandbox.SandboxProvider(), [outgoing("", addresses=addresses, **changes)])[0]


def test_what_would_have_gone_out_is_kept(outbox: sandbox.MemoryOutbox) -> None:
    provider = sandbox.SandboxProvider(account_id=4)
    result = provider.send([outgoing("+12025550123", key="k-17", delivery_id=17, attempt=2)])[0]
    assert result == Accepted("sandbox-k-17")
    expected = sandbox.SandboxRecord(4, 17, 2, "k-17", ("+12025550123",), TITLE, BODY)
    assert outbox.records == [expected]


@pytest.mark.parametrize(
    ("mode", "kind"), [("refuse", Refused), ("defer", Deferred), ("throttle", Throttled), ("unknown", Unknown)]
)
def test_a_mode_applies_to_all_and_keeps_nothing(outbox: sandbox.MemoryOutbox, mode: str, kind: type) -> None:
    provider = sandbox.SandboxProvider({"mode": mode})
    results = contract.send(provider, [outgoing("a@b.example"), outgoing("+12025550123"), outgoing("token")])
    assert {type(result) for result in results} == {kind}
    assert outbox.records == []


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("dead@b.example", "no_such_address"),
        ("dead.li@b.example", "no_such_address"),
        ("Dead+li@b.example", "no_such_address"),
        ("+12025550199", "no_such_number"),
        ("dead-token", "no_live_device"),
    ],
)
def test_the_dead_are_refused(outbox: sandbox.MemoryOutbox, address: str, code: str) -> None:
    result = send_one(address)
    assert (type(result), result.code) == (Refused, code)
    assert outbox.records == []


@pytest.mark.parametrize("address", ["deadline@b.example", "li.dead@b.example", "li@dead.example", "deadtoken"])
def test_who_only_sounds_dead_is_not(outbox: sandbox.MemoryOutbox, address: str) -> None:
    assert isinstance(send_one(address), Accepted)


@pytest.mark.parametrize("address", ["busy.li@b.example", "+12025550198"])
def test_the_busy_take_it_the_second_time(outbox: sandbox.MemoryOutbox, address: str) -> None:
    assert isinstance(send_one(address, attempt=1), Deferred)
    assert outbox.records == []
    assert isinstance(send_one(address, attempt=2), Accepted)


@pytest.mark.parametrize("address", ["lost.li@b.example", "+12025550197"])
def test_the_lost_have_it_and_find_knows(outbox: sandbox.MemoryOutbox, address: str) -> None:
    assert isinstance(send_one(address), Unknown)
    assert len(outbox.records) == 1
    assert isinstance(sandbox.SandboxProvider().find(outgoing("", addresses=(address,)), since=NOW), Accepted)
    assert isinstance(send_one(address, attempt=2), Accepted)


def test_a_person_with_several_devices_is_one_record(outbox: sandbox.MemoryOutbox) -> None:
    result = send_one("phone", "dead-old", "tablet")
    assert result.dead == ("dead-old",)
    assert [record.addresses for record in outbox.records] == [("phone", "tablet")]


def test_all_devices_dead_is_final(outbox: sandbox.MemoryOutbox) -> None:
    assert send_one("dead-a", "dead-b") == Refused("no_live_device", dead=("dead-a", "dead-b"))


def test_an_outbox_that_fails_is_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(sandbox.MemoryOutbox):
        def store(self, records: Sequence[sandbox.SandboxRecord]) -> None:
            raise OSError("disk full")

    monkeypatch.setattr(sandbox, "outbox", Full())
    assert send_one("a@b.example") == Deferred("provider_error")


def test_latency_is_for_the_batch(outbox: sandbox.MemoryOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(sandbox.time, "sleep", slept.append)
    sandbox.SandboxProvider({"latency_ms": 250}).send([outgoing("a@b.example")] * 10)
    assert slept == [0.25]


def test_it_is_labelled_as_what_it_is() -> None:
    with translation.override("en"):
        assert str(sandbox.SandboxProvider.label) == "Sandbox (nothing leaves the house)"


def test_threads_do_not_mix_batches(outbox: sandbox.MemoryOutbox) -> None:
    batches = [[outgoing(f"t{thread}-{number}@b.example") for number in range(50)] for thread in range(4)]
    threads = [threading.Thread(target=sandbox.SandboxProvider().send, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({record.addresses for record in outbox.records}) == 200
