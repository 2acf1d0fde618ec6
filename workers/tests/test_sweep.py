"""The sweeps: everything a clock starts, each harmless when run twice."""

import logging
import random
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.channels.models import Channel, SandboxMessage
from apps.channels.providers.base import Accepted
from apps.channels.providers.sandbox import SandboxProvider
from apps.core import jobs
from apps.delivery.models import Delivery, Lease
from apps.messaging.models import IdempotencyKey, Message, MessageChannel
from workers import fanout, sweep
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def fan_out(bell: Bell, count: int = 3, **options: object) -> Message:
    school.enrol(count)
    message = school.publish(**options)
    bell.answer(jobs.FAN_OUT)
    return message


def put(status: str, *, due_in: timedelta = -SECOND, **fields: object) -> None:
    Delivery.objects.update(status=status, due_at=Now() + due_in, **fields)


def states() -> set[tuple[str, str]]:
    return set(Delivery.objects.values_list("status", "reason"))


def later(**times: timedelta) -> dict[str, object]:
    return {name: timezone.now() + time for name, time in times.items()}


def scheduled(**times: timedelta) -> Message:
    """A message scheduled with these times, counted from now (they may lie in the past)."""
    school.enrol(1)
    message = school.publish(**later(publish_at=timedelta(hours=1)))
    Message.objects.filter(pk=message.pk).update(**later(**times))
    return message


def status_of(message: Message) -> str:
    return Message.objects.values_list("status", flat=True).get(pk=message.pk)


def test_publish_due_starts_what_is_due_and_only_that(bell: Bell) -> None:
    due, early = scheduled(publish_at=-SECOND), scheduled(publish_at=60 * SECOND)
    sweep.publish_due()
    sweep.publish_due()
    assert (status_of(due), status_of(early)) == ("publishing", "scheduled")
    assert bell.rung == [(jobs.FAN_OUT, (due.pk,), "fanout")]


def test_fault_22_after_an_outage_over_both_times_a_message_expires_and_is_never_published(bell: Bell) -> None:
    message = scheduled(publish_at=-7200 * SECOND, expires_at=-3600 * SECOND)
    for name in sweep.SWEEPS:
        sweep.SWEEPS[name]()
    bell.answer()
    assert status_of(message) == "expired"
    assert not Delivery.objects.exists()
    assert not SandboxMessage.objects.exists()


def test_fault_22_after_an_outage_over_the_publish_time_alone_it_is_published_once(bell: Bell) -> None:
    message = scheduled(publish_at=-7200 * SECOND, expires_at=3600 * SECOND)
    for _ in range(3):
        sweep.publish_due()
        sweep.expire_due()
        bell.answer()
    assert status_of(message) == "published"
    assert SandboxMessage.objects.count() == 1


def test_a_fan_out_whose_doorbell_was_lost_is_rung_again(bell: Bell) -> None:
    school.enrol(1)
    message = school.publish()
    bell.rung.clear()
    sweep.publish_due()
    assert not bell.rung
    Message.objects.update(ring_at=Now() - SECOND)
    sweep.publish_due()
    sweep.publish_due()
    assert bell.rung == [(jobs.FAN_OUT, (message.pk,), "fanout")]


def test_expire_due_ends_what_is_not_sent(bell: Bell) -> None:
    message = fan_out(bell, channels=["inbox", "email"], **later(expires_at=timedelta(hours=1)))
    bell.rung.clear()
    sweep.expire_due()
    assert status_of(message) == "published"
    Message.objects.update(expires_at=Now() - SECOND)
    sweep.expire_due()
    bell.answer()
    assert status_of(message) == "expired"
    assert states() == {("expired", "expired")}


def test_finish_closes_the_books_only_when_everything_is_settled(bell: Bell) -> None:
    message = fan_out(bell)
    sweep.finish()
    assert status_of(message) == "published"
    bell.answer()
    sweep.finish()
    assert status_of(message) == "finished"
    assert Message.objects.get(pk=message.pk).ended_at


def test_close_ended_does_what_a_lost_close_did_not(bell: Bell) -> None:
    message = fan_out(bell)
    bell.rung.clear()
    Message.objects.filter(pk=message.pk).update(status="recalled")
    sweep.close_ended()
    sweep.close_ended()
    assert states() == {("cancelled", "recalled")}


def test_promote_waiting_readies_and_rings_what_is_due(bell: Bell) -> None:
    fan_out(bell, channels=["email"])
    bell.rung.clear()
    put("waiting", due_in=60 * SECOND)
    sweep.promote_waiting()
    assert states() == {("waiting", "")}
    put("waiting")
    sweep.promote_waiting()
    bell.answer()
    assert states() == {("accepted", "")}


def test_ring_again_rings_where_the_lane_is_empty_although_rows_are_ready(bell: Bell) -> None:
    fan_out(bell, channels=["email"])
    sweep.ring_again()
    assert len(bell.rung) == 1, "the doorbell still waits in the lane"
    bell.rung.clear()
    sweep.ring_again()
    sweep.ring_again()
    assert len(bell.rung) == 1
    bell.answer()
    assert states() == {("accepted", "")}


def test_ring_again_loses_patience_with_a_lane_that_never_empties(bell: Bell) -> None:
    fan_out(bell, channels=["email"])
    bell.rung = [(jobs.DELIVER, (0, 0, 0), "email.bulk")]
    sweep.ring_again()
    assert len(bell.rung) == 1
    MessageChannel.objects.update(ring_at=Now() - SECOND)
    sweep.ring_again()
    assert len(bell.rung) == 2


def test_return_leases_queues_what_was_claimed_and_questions_what_was_being_sent(bell: Bell) -> None:
    fan_out(bell, channels=["email"])
    ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    Delivery.objects.update(status="claimed", lease="dead")
    Delivery.objects.filter(pk=ids[0]).update(status="sending")
    Delivery.objects.filter(pk=ids[1]).update(lease="alive")
    for token, due_in in (("dead", -SECOND), ("alive", 60 * SECOND)):
        Lease.objects.create(token=token, first_id=ids[0], last_id=ids[-1], due_at=Now() + due_in)
    sweep.return_leases()
    rows = Delivery.objects.order_by("pk").values_list("status", "lease")
    assert list(rows) == [("unknown", ""), ("claimed", "alive"), ("queued", "")]
    assert list(Lease.objects.values_list("pk", flat=True)) == ["alive"]


def unknown_after_crash(bell: Bell, channel: str, *, accepted: bool) -> Delivery:
    """A row whose worker died in the provider's arms: after it was accepted, or before."""
    fan_out(bell, 1, channels=[channel])
    if accepted:
        bell.answer()
    bell.rung.clear()
    put("unknown", attempt=1, account_id=Channel.objects.get(key=channel).accounts.get().pk, sent_at=Now())
    return Delivery.objects.get()


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_unknown_is_accepted_where_the_providers_list_has_it(bell: Bell, channel: str) -> None:
    row = unknown_after_crash(bell, channel, accepted=True)
    sweep.resolve_unknown()
    row.refresh_from_db()
    assert (row.status, row.maybe_duplicate) == ("accepted", False)
    assert SandboxMessage.objects.count() == 1


def test_unknown_email_without_evidence_is_sent_again_and_says_so(bell: Bell) -> None:
    row = unknown_after_crash(bell, "email", accepted=False)
    sweep.resolve_unknown()
    sweep.promote_waiting()
    bell.answer()
    row.refresh_from_db()
    assert (row.status, row.maybe_duplicate, row.attempt) == ("accepted", True, 2)


def test_unknown_sms_without_evidence_is_never_sent_again_by_itself(bell: Bell) -> None:
    row = unknown_after_crash(bell, "sms", accepted=False)
    for name in sweep.SWEEPS:
        sweep.SWEEPS[name]()
    bell.answer()
    row.refresh_from_db()
    assert (row.status, row.reason) == ("failed", "unconfirmed")
    assert not SandboxMessage.objects.exists()


def test_a_provider_that_cannot_be_asked_is_asked_again_later_and_not_for_ever(
    bell: Bell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*args: object, **options: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(SandboxProvider, "find", unreachable)
    row = unknown_after_crash(bell, "sms", accepted=True)
    with caplog.at_level(logging.WARNING):
        sweep.resolve_unknown()
    row.refresh_from_db()
    assert row.status == "unknown"
    assert Delivery.objects.filter(due_at__gt=Now() + 20 * SECOND).exists()
    assert "cannot be asked: OSError" in caplog.text
    assert "no route" not in caplog.text, "the text of an error may hold the address"
    put("unknown", sent_at=Now() - timedelta(minutes=11))
    sweep.resolve_unknown()
    row.refresh_from_db()
    assert (row.status, row.reason) == ("failed", "unconfirmed")


def test_a_provider_that_cannot_be_asked_is_asked_once_a_round_and_holds_up_no_other(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty calls that each wait for their time limit would hold the lane for a quarter of an hour."""
    asked, late = [], [0.0]
    now = time.monotonic
    monkeypatch.setattr(sweep.time, "monotonic", lambda: now() + late[0])
    sms, email = (Channel.objects.get(key=key).accounts.get().pk for key in ("sms", "email"))

    def garbage_for_sms(self: SandboxProvider, outgoing: object, **options: object) -> Accepted:
        asked.append(self.account_id)
        if self.account_id == sms:
            # It has waited for its time limit.
            late[0] = 20.0
            raise ValueError("HTML where JSON was promised")
        return Accepted(f"{outgoing.delivery_id}")

    monkeypatch.setattr(SandboxProvider, "find", garbage_for_sms)
    fan_out(bell, 3, channels=["sms", "email"])
    put("unknown", attempt=1, sent_at=Now())
    for key, account, due_in in (("sms", sms, -2 * SECOND), ("email", email, -SECOND)):
        rows = Delivery.objects.filter(message_channel__channel__key=key)
        rows.update(account=account, due_at=Now() + due_in)
    sweep.resolve_unknown()
    assert asked == [sms, email], "late as it is, another account has had its turn"
    late[0] = 0.0
    sweep.resolve_unknown()
    assert asked == [sms, email, email, email]
    assert states() == {("unknown", ""), ("accepted", "found")}
    Delivery.objects.filter(status="unknown").update(due_at=Now(), sent_at=Now() - timedelta(minutes=11))
    sweep.resolve_unknown()
    assert asked == [sms, email, email, email, sms]
    assert states() == {("failed", "unconfirmed"), ("accepted", "found")}


def test_urgent_rows_are_rung_first_however_many_others_are_due(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "LIMIT", 2)
    fan_out(bell, 3, channels=["email"])
    school.publish(channels=["email"], urgency="urgent")
    bell.answer(jobs.FAN_OUT)
    bell.rung.clear()
    put("waiting")
    sweep.promote_waiting()
    assert {lane for _job, _args, lane in bell.rung} == {"email.urgent", "email.bulk"}


def test_one_accept_is_evidence_for_one_row_only(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Siblings share their guardian's number, and the text says nothing of either."""
    fan_out(bell, 2, channels=["sms"], content="the same for all")
    monkeypatch.setattr(SandboxProvider, "find", lambda *args, **options: Accepted("SM1"))
    account = Channel.objects.get(key="sms").accounts.get()
    put("unknown", attempt=1, account_id=account.pk, sent_at=Now())
    sweep.resolve_unknown()
    assert states() == {("accepted", "found"), ("failed", "unconfirmed")}


def test_unknown_rows_of_a_recalled_message_are_not_sent_again(bell: Bell) -> None:
    row = unknown_after_crash(bell, "email", accepted=False)
    Message.objects.update(status="recalled")
    for _ in range(2):
        for name in sweep.SWEEPS:
            sweep.SWEEPS[name]()
        bell.answer()
    row.refresh_from_db()
    assert (row.status, row.reason) == ("failed", "unconfirmed")
    assert not SandboxMessage.objects.exists()


def test_forget_old_deletes_keys_that_nobody_will_send_again(bell: Bell) -> None:
    for key, age in (("old", timedelta(hours=25)), ("new", timedelta(hours=1))):
        IdempotencyKey.objects.create(user=school.root(), key=key, claimed_at=Now(), created_at=Now() - age)
    sweep.forget_old()
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["new"]


def test_the_command_runs_all_sweeps_or_those_named(bell: Bell) -> None:
    message = scheduled(publish_at=-SECOND)
    call_command("sweep", "expire_due")
    assert status_of(message) == "scheduled"
    call_command("sweep")
    assert status_of(message) == "publishing"


def test_all_is_settled_in_the_end_whatever_was_lost(bell: Bell) -> None:
    """Half of the doorbells are lost on the way; the sweeps alone bring everything to its end."""
    chance = random.Random(22)
    school.enrol(9)
    Channel.objects.filter(Q(key="email") | Q(key="sms")).update(batch_size=2)
    message = school.publish(channels=["inbox", "email", "sms"])
    fanout.fan_out(message.pk)
    for _ in range(12):
        bell.rung = [one for one in bell.rung if chance.random() < 0.5]
        bell.answer()
        Message.objects.filter(status="publishing").update(ring_at=Now() - SECOND)
        for name in sweep.SWEEPS:
            sweep.SWEEPS[name]()
    assert status_of(message) == "finished"
    assert states() == {("accepted", "")}
    assert SandboxMessage.objects.count() == 18
