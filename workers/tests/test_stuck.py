"""A message that ought to move and does not raises an alert with the reason, which goes by itself."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from apps.channels.models import Channel, ProviderAccount
from apps.core import alerts, jobs
from apps.core.models import Alert
from apps.delivery import reasons
from apps.delivery.models import Delivery
from apps.messaging.models import Message, MessageChannel
from workers import sweep
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db
LONG = timedelta(minutes=11)


@pytest.fixture
def message(bell: Bell) -> Message:
    """Fanned out a good while ago, and nothing has moved since."""
    school.enrol(3)
    message = school.publish(channels=["inbox", "email", "sms"])
    bell.answer(jobs.FAN_OUT)
    age()
    return message


def age() -> None:
    Message.objects.update(published_at=Now() - LONG)
    MessageChannel.objects.update(moved_at=Now() - LONG)


def found() -> list[tuple[str, str]]:
    sweep.find_stuck()
    return list(alerts.still_open().filter(kind="message_stuck").values_list("subject", "detail"))


def test_nobody_takes_the_work(message: Message) -> None:
    assert found() == [(str(message.pk), "no_worker")]
    assert found() == [(str(message.pk), "no_worker")]
    assert Alert.objects.get().count == 1, "raised once, not at every look"


def test_it_settles_by_itself_when_it_moves(bell: Bell, message: Message) -> None:
    assert found()
    bell.answer()
    assert found() == []
    assert Alert.objects.get().settled_at


@pytest.mark.parametrize("status", ["recalled", "expired", "finished"])
def test_it_settles_by_itself_when_the_message_ends(message: Message, status: str) -> None:
    assert found()
    Message.objects.update(status=status)
    assert found() == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda: Channel.objects.update(enabled=False), "channel_off"),
        (lambda: Channel.objects.update(paused_reason="by somebody"), "channel_paused"),
        (lambda: ProviderAccount.objects.update(enabled=False), "no_account"),
        (lambda: alerts.raise_alert(alerts.Kind.DOORBELL_FAILED, "broker"), "doorbells_fail"),
        (lambda: Delivery.objects.update(status="waiting", reason="account_refused"), "account_refused"),
        (lambda: Delivery.objects.update(status="waiting"), "not_due"),
    ],
)
def test_the_reason_is_that_of_most_of_what_is_open(message: Message, change: object, why: str) -> None:
    change()
    one = Delivery.objects.filter(message_channel__channel__key="sms").first()
    Delivery.objects.filter(pk=one.pk).update(status="waiting", reason="throttled")
    assert found() == [(str(message.pk), why)]
    assert why in reasons.REASONS | reasons.STUCK
    assert alerts.words(why) != why


@pytest.mark.parametrize(
    "change",
    [
        lambda: Message.objects.update(paused_at=Now()),
        lambda: Message.objects.update(published_at=Now() - timedelta(minutes=9)),
        lambda: MessageChannel.objects.filter(channel__key="sms").update(moved_at=Now() - timedelta(minutes=9)),
        lambda: MessageChannel.objects.exclude(channel__key="inbox").update(accepted=3),
    ],
    ids=["paused", "young", "one channel moves", "all settled"],
)
def test_what_is_held_young_moving_or_done_is_not_stuck(message: Message, change: object) -> None:
    change()
    assert found() == []


def test_a_fan_out_that_does_not_go_on_is_stuck(bell: Bell) -> None:
    school.enrol(1)
    message = school.publish()
    bell.rung.clear()
    assert found() == []
    Message.objects.update(published_at=Now() - LONG)
    assert found() == [(str(message.pk), "no_worker")]


def test_the_look_costs_the_same_for_many_messages_that_move(bell: Bell, django_assert_max_num_queries: object) -> None:
    school.enrol(1)
    for _ in range(5):
        school.publish()
    bell.answer(jobs.FAN_OUT)
    with django_assert_max_num_queries(2):
        sweep.find_stuck()
