"""What is paused, or belongs to another installation, is neither sent nor rung, and goes on where it stood."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from apps.channels.models import Channel, SandboxMessage
from apps.core import installation, jobs
from apps.delivery import selectors
from apps.delivery.models import Delivery, Recipient
from apps.messaging.models import Message, MessageChannel
from workers import fanout, sweep
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db
PAUSES = {
    "message": (Message, {"paused_at": Now()}, {"paused_at": None}),
    "channel": (Channel, {"paused_reason": "by somebody"}, {"paused_reason": ""}),
}


@pytest.fixture(params=sorted(PAUSES))
def pause(request: pytest.FixtureRequest) -> str:
    return request.param


def do(name: str, *, pausing: bool) -> None:
    model, paused, going = PAUSES[name]
    model.objects.update(**(paused if pausing else going))


def ready(bell: Bell, **options: object) -> Message:
    """Fanned out, with its doorbells not answered yet."""
    school.enrol(3)
    message = school.publish(channels=["inbox", "email"], **options)
    bell.answer(jobs.FAN_OUT)
    return message


def put(status: str) -> None:
    Delivery.objects.update(status=status, due_at=Now() - timedelta(seconds=1))


def test_nothing_may_be_sent_while_paused(bell: Bell, pause: str, django_assert_num_queries: object) -> None:
    message = ready(bell)
    row = MessageChannel.objects.get(message=message, channel__key="email")
    do(pause, pausing=True)
    with django_assert_num_queries(1):
        assert not selectors.may_send(row.pk)
    do(pause, pausing=False)
    assert selectors.may_send(row.pk)


def test_a_copy_may_not_send(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    message = ready(bell)
    monkeypatch.setattr(installation, "is_ours", lambda: False)
    bell.answer()
    assert not selectors.may_send(message.message_channels.get(channel__key="email").pk)
    assert not SandboxMessage.objects.exists()


@pytest.mark.parametrize("status", ["queued", "waiting"])
def test_no_sweep_rings_what_is_paused(bell: Bell, pause: str, status: str) -> None:
    ready(bell)
    bell.rung.clear()
    put(status)
    do(pause, pausing=True)
    for _ in range(2):
        for sweep_name in ("promote_waiting", "ring_again"):
            sweep.SWEEPS[sweep_name]()
    assert not bell.rung
    do(pause, pausing=False)
    sweep.promote_waiting()
    sweep.ring_again()
    bell.answer()
    assert SandboxMessage.objects.count() == 3


def test_a_doorbell_rung_before_the_pause_sends_nothing(bell: Bell, pause: str) -> None:
    ready(bell)
    do(pause, pausing=True)
    bell.answer()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"queued"}
    assert not SandboxMessage.objects.exists()


@pytest.mark.usefixtures("_slice_by_slice")
def test_fan_out_of_a_paused_message_stops_between_slices(bell: Bell, settings: object) -> None:
    settings.FAN_OUT_SLICE = 1
    school.enrol(3)
    message = school.publish()
    fanout.fan_out(message.pk)
    do("message", pausing=True)
    bell.answer(jobs.FAN_OUT)
    Message.objects.update(ring_at=Now() - timedelta(seconds=1))
    sweep.publish_due()
    assert jobs.FAN_OUT not in {job for job, _args, _lane in bell.rung}
    assert Recipient.objects.count() == 1
    do("message", pausing=False)
    sweep.publish_due()
    bell.answer()
    assert Recipient.objects.count() == SandboxMessage.objects.count() == 3


def test_a_paused_scheduled_message_does_not_begin(bell: Bell) -> None:
    school.enrol(1)
    message = school.publish(publish_at=timezone.now() + timedelta(hours=1))
    Message.objects.update(publish_at=Now() - timedelta(seconds=1), paused_at=Now())
    sweep.publish_due()
    assert Message.objects.get(pk=message.pk).status == "scheduled"
    do("message", pausing=False)
    sweep.publish_due()
    assert Message.objects.get(pk=message.pk).status == "publishing"


def test_a_paused_message_expires_all_the_same(bell: Bell) -> None:
    message = ready(bell, expires_at=timezone.now() + timedelta(hours=1))
    Message.objects.update(expires_at=Now() - timedelta(seconds=1), paused_at=Now())
    sweep.expire_due()
    bell.answer()
    assert Message.objects.get(pk=message.pk).status == "expired"
    assert set(Delivery.objects.values_list("status", flat=True)) == {"expired"}


def test_a_paused_message_with_something_open_does_not_finish(bell: Bell, pause: str) -> None:
    message = ready(bell)
    do(pause, pausing=True)
    bell.answer()
    sweep.finish()
    assert Message.objects.get(pk=message.pk).status == "published"
