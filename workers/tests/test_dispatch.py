"""Dispatch: claim, check, send, record; through the sandbox, which keeps what it was handed."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import NoReturn

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from apps.channels import accounts
from apps.channels.models import Channel, ProviderAccount, SandboxMessage
from apps.channels.providers.base import Accepted, Outgoing, Provider, Result
from apps.channels.providers.sandbox import SandboxProvider
from apps.core import jobs
from apps.delivery import services
from apps.delivery.models import Attempt, Delivery, Lease, Recipient, Suppression
from apps.directory.models import ContactPoint
from apps.messaging import services as messaging
from apps.messaging.models import Message
from workers import dispatch, sweep
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db


def fan_out(bell: Bell, **options: object) -> Message:
    message = school.publish(**options)
    bell.answer(jobs.FAN_OUT)
    return message


def statuses() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("status", "reason"))


def during_send(monkeypatch: pytest.MonkeyPatch, act: Callable[[Sequence[Outgoing]], object]) -> None:
    """Let `act` happen while the provider has a window."""
    send = SandboxProvider.send

    def sending(self: Provider, batch: Sequence[Outgoing], **options: float) -> list[Result]:
        act(batch)
        return send(self, batch, **options)

    monkeypatch.setattr(SandboxProvider, "send", sending)


def test_every_ready_row_is_handed_over_once_with_its_own_values(bell: Bell) -> None:
    one, two = school.enrol(2)
    fan_out(bell, channels=["email"], content="((name)): ((room))", rows={one.pk: {"room": "A"}, two.pk: {"room": "B"}})
    bell.answer()
    assert statuses() == [("accepted", "")] * 2
    sent = SandboxMessage.objects.order_by("pk").values_list("addresses", "body")
    assert list(sent) == [(["s0@stu.school.example"], "学生0: A"), (["s1@stu.school.example"], "学生1: B")]
    row = Delivery.objects.first()
    assert (row.attempt, row.due_at) == (1, None)
    assert Attempt.objects.get(delivery=row).reference == f"sandbox-msgcenter-test-{row.pk}"


def test_rung_twice_it_sends_once(bell: Bell) -> None:
    school.enrol(3)
    fan_out(bell, channels=["email"])
    bell.rung *= 2
    bell.answer()
    assert SandboxMessage.objects.count() == 3


def test_sending_is_committed_before_the_provider_is_called_and_nothing_is_locked(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.enrol(2)
    seen = []
    during_send(
        monkeypatch,
        lambda batch: seen.append((connection.savepoint_ids, [row.status for row in Delivery.objects.all()])),
    )
    fan_out(bell, channels=["email"])
    bell.answer()
    assert seen == [([], ["sending", "sending"])]


def test_windows_are_as_large_as_the_channel_says(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    Channel.objects.filter(key="email").update(window=2)
    school.enrol(5)
    sizes: list[int] = []
    during_send(monkeypatch, lambda batch: sizes.append(len(batch)))
    fan_out(bell, channels=["email"])
    bell.answer()
    assert sizes == [2, 2, 1]


def test_fault_29_one_row_that_cannot_be_rendered_fails_and_the_others_go_out(bell: Bell) -> None:
    people = school.enrol(3)
    fan_out(bell, channels=["email"], content="((room))", rows={person.pk: {"room": "A"} for person in people})
    Recipient.objects.filter(person=people[1]).update(values={})
    bell.answer()
    assert statuses() == [("accepted", ""), ("failed", "missing_value"), ("accepted", "")]


def test_fault_30_who_opts_out_after_the_fan_out_is_suppressed_without_an_attempt(bell: Bell) -> None:
    school.enrol(2)
    fan_out(bell, channels=["email"])
    Suppression.objects.create(kind="email", value="s0@stu.school.example", reason="opted_out")
    bell.answer()
    rows = Delivery.objects.order_by("pk").values_list("status", "attempt")
    assert list(rows) == [("suppressed", 0), ("accepted", 1)]
    assert SandboxMessage.objects.count() == 1


def test_fault_25_nothing_starts_after_a_recall_and_what_is_in_flight_is_reported(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Channel.objects.filter(key="email").update(window=2)
    monkeypatch.setattr(dispatch, "ASK_EVERY", -1.0)
    school.enrol(6)
    message = fan_out(bell, channels=["email"])
    during_send(monkeypatch, lambda batch: messaging.recall(message, by=school.root()))
    bell.answer()
    assert sorted(statuses()) == [("accepted", "")] * 2 + [("cancelled", "recalled")] * 4
    assert SandboxMessage.objects.count() == 2


def test_fault_25_inside_a_window_nothing_starts_a_second_after_the_recall(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow provider, asked through the order of events that all network providers share."""
    school.enrol(5)
    message = fan_out(bell, channels=["email"])
    started = []

    def deliver(self: Provider, outgoing: Outgoing) -> Result:
        started.append(outgoing.delivery_id)
        if len(started) == 2:
            messaging.recall(message, by=school.root())
        return Accepted()

    monkeypatch.setattr(SandboxProvider, "send", Provider.send)
    monkeypatch.setattr(SandboxProvider, "deliver", deliver)
    monkeypatch.setattr(dispatch, "ASK_EVERY", 0.0)
    bell.answer()
    assert len(started) == 2
    assert sorted(statuses()) == [("accepted", "")] * 2 + [("cancelled", "recalled")] * 3


def test_nothing_starts_after_the_expiry_even_before_a_sweep_has_seen_it(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Channel.objects.filter(key="email").update(window=2)
    monkeypatch.setattr(dispatch, "ASK_EVERY", -1.0)
    school.enrol(4)
    message = fan_out(bell, channels=["email"])
    during_send(
        monkeypatch,
        lambda batch: Message.objects.filter(pk=message.pk).update(expires_at=Now() - timedelta(seconds=1)),
    )
    bell.answer(jobs.DELIVER)
    assert SandboxMessage.objects.count() == 2
    assert sorted(statuses()) == [("accepted", "")] * 2 + [("queued", "")] * 2


@pytest.mark.parametrize("switch", ["channel off", "account off", "account paused", "settings unreadable"])
def test_rows_are_held_while_there_is_no_way_out(bell: Bell, switch: str) -> None:
    school.enrol(2)
    fan_out(bell, channels=["email"])
    account = ProviderAccount.objects.filter(channel__key="email")
    match switch:
        case "channel off":
            Channel.objects.filter(key="email").update(enabled=False)
        case "account off":
            account.update(enabled=False)
        case "account paused":
            account.update(paused_reason="balance")
        case "settings unreadable":
            account.update(provider="of tomorrow")
            accounts._made.clear()
    bell.answer()
    sweep.ring_again()
    assert not bell.rung, "nobody rings while nothing can be sent"
    assert statuses() == [("queued", "")] * 2
    assert not SandboxMessage.objects.exists()


def test_a_worker_that_lost_its_lease_writes_nothing(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    school.enrol(1)
    fan_out(bell, channels=["sms"])
    during_send(monkeypatch, lambda batch: Delivery.objects.update(status="unknown", lease=""))
    bell.answer()
    assert statuses() == [("unknown", "")]


def test_rows_taken_away_before_the_hand_over_are_not_handed_over(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    school.enrol(3)
    fan_out(bell, channels=["email"])
    mark = services.mark_sending

    def marking(ids: Sequence[int], **options: object) -> set[int]:
        Delivery.objects.filter(pk=ids[1]).update(status="queued", lease="")
        return mark(ids, **options)

    monkeypatch.setattr(services, "mark_sending", marking)
    bell.answer()
    assert [status for status, _reason in statuses()] == ["accepted", "queued", "accepted"]
    assert SandboxMessage.objects.count() == 2


def test_the_lease_is_renewed_in_good_time_and_given_up_in_the_end(
    bell: Bell, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE = timedelta(seconds=60)
    Channel.objects.filter(key="email").update(window=1)
    school.enrol(4)
    fan_out(bell, channels=["email"])
    clock = SimpleNamespace(passed=0.0)
    monkeypatch.setattr(dispatch, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + clock.passed))
    left = []

    def see(batch: Sequence[Outgoing]) -> None:
        left.append(Lease.objects.filter(due_at__gt=Now() + timedelta(seconds=50)).count())
        Lease.objects.update(due_at=Now() + timedelta(seconds=5))
        clock.passed += 6

    during_send(monkeypatch, see)
    bell.answer()
    assert left == [1, 0, 1, 0], "after every sixth part of its time"
    assert not Lease.objects.exists()


def test_a_worker_whose_lease_was_taken_hands_over_nothing_more(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    Channel.objects.filter(key="email").update(window=1)
    school.enrol(3)
    fan_out(bell, channels=["email"])
    clock = SimpleNamespace(passed=0.0)
    monkeypatch.setattr(dispatch, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + clock.passed))

    def stop(batch: Sequence[Outgoing]) -> None:
        clock.passed += 100
        Lease.objects.update(due_at=Now())
        sweep.return_leases()

    during_send(monkeypatch, stop)
    bell.rung = bell.rung[:1]
    job, args, _lane = bell.rung.pop()
    bell.run(job, args)
    assert SandboxMessage.objects.count() == 1
    assert statuses() == [("unknown", "lease_over"), ("queued", ""), ("queued", "")]


def die_in(name: str, bell: Bell, monkeypatch: pytest.MonkeyPatch, *, of: object) -> None:
    """The worker that answers the doorbells dies where it calls `name`."""

    def die(*details: object, **more: object) -> NoReturn:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(of, name, die)
        with pytest.raises(SystemExit):
            bell.answer()


def test_what_was_claimed_by_a_worker_that_died_goes_out_once(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    Channel.objects.filter(key="email").update(window=1, crash_rule="never")
    school.enrol(3)
    fan_out(bell, channels=["email"])
    die_in("_keep", bell, monkeypatch, of=SandboxProvider)
    assert statuses() == [("sending", ""), ("claimed", ""), ("claimed", "")]
    sweep.return_leases()
    assert statuses() == [("unknown", "lease_over"), ("queued", ""), ("queued", "")]
    bell.answer()
    sweep.ring_again()
    bell.answer()
    assert statuses() == [("unknown", "lease_over"), ("accepted", ""), ("accepted", "")]
    assert SandboxMessage.objects.count() == 2


def test_a_worker_that_died_before_the_call_has_sent_nothing(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    school.enrol(1)
    fan_out(bell, channels=["sms"])
    die_in("send", bell, monkeypatch, of=SandboxProvider)
    assert statuses() == [("sending", "")]
    sweep.return_leases()
    assert statuses() == [("waiting", "lease_over")]
    sweep.promote_waiting()
    bell.answer()
    assert statuses() == [("accepted", "")]
    row = Delivery.objects.get()
    assert (row.attempt, row.maybe_duplicate) == (1, False)


def test_a_worker_whose_database_died_before_it_could_record_has_sent_what_it_has(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.enrol(2)
    fan_out(bell, channels=["email"])
    die_in("record", bell, monkeypatch, of=services)
    assert statuses() == [("sending", "")] * 2
    sweep.return_leases()
    assert statuses() == [("accepted", "")] * 2
    row = Delivery.objects.first()
    assert Attempt.objects.get(delivery=row).reference == f"sandbox-msgcenter-test-{row.pk}"
    assert SandboxMessage.objects.count() == 2


def test_a_provider_that_raises_leaves_its_window_unknown(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    school.enrol(2)

    def fail(batch: Sequence[Outgoing]) -> None:
        raise RuntimeError("a bug")

    during_send(monkeypatch, fail)
    fan_out(bell, channels=["sms"])
    bell.answer()
    assert statuses() == [("unknown", "provider_error")] * 2


def test_push_goes_to_all_live_devices_and_forgets_dead_ones(bell: Bell) -> None:
    one, two = school.enrol(2)
    ContactPoint.objects.create(person=one, kind="device", value="device-second")
    ContactPoint.objects.create(person=one, kind="device", value="dead-1")
    ContactPoint.objects.filter(person=two, kind="device").update(value="dead-2")
    fan_out(bell, channels=["push"])
    bell.answer()
    assert statuses() == [("accepted", ""), ("failed", "no_live_device")]
    assert SandboxMessage.objects.get().addresses == ["device-0", "device-second"]
    assert set(ContactPoint.objects.filter(kind="device").values_list("value", flat=True)) == {
        "device-0",
        "device-second",
    }


def test_push_leaves_out_the_device_whose_owner_opted_out(bell: Bell) -> None:
    (one,) = school.enrol(1)
    ContactPoint.objects.create(person=one, kind="device", value="device-second")
    Suppression.objects.create(kind="device", value="device-second", reason="opted_out")
    fan_out(bell, channels=["push"])
    bell.answer()
    assert SandboxMessage.objects.get().addresses == ["device-0"]


def test_the_callback_address_names_delivery_and_attempt(bell: Bell, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://msg.school.example"
    school.enrol(1)
    message = fan_out(bell, channels=["sms"])
    bell.answer()
    row = Delivery.objects.get(message_channel__message=message)
    account = ProviderAccount.objects.get(channel__key="sms")
    sent = dispatch.as_sent(row)
    assert sent.callback_url == f"https://msg.school.example/callbacks/sandbox/{account.pk}/{row.pk}/1"
