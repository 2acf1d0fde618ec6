"""The books of a message are closed when every channel's counters add up."""

import pytest

from apps.messaging import selectors
from apps.messaging import services as messaging
from apps.messaging.models import SETTLED_COUNTERS, Message, MessageChannel
from apps.messaging.states import Status
from apps.messaging.tests.acts import put, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(world: World) -> Message:
    draft = a_message(world.author, world.office, to=world.classroom, channels=("inbox", "email", "sms"))
    return put(draft, Status.PUBLISHED)


def count(message: Message, key: str, **counters: int) -> None:
    MessageChannel.objects.filter(message=message, channel__key=key).update(**counters)


def test_settled_message_is_finished(message: Message) -> None:
    count(message, "inbox", total=6, delivered=6)
    count(message, "email", total=6, **dict.fromkeys(SETTLED_COUNTERS, 1))
    assert selectors.finishable(10) == [message.pk]
    assert messaging.finish(message.pk) is True
    found = Message.objects.get()
    assert (found.status, found.ended_at is not None) == (Status.FINISHED, True)
    assert messaging.finish(message.pk) is False


@pytest.mark.parametrize("key", ["inbox", "email", "sms"])
def test_one_open_delivery_keeps_it_open(message: Message, key: str) -> None:
    count(message, key, total=3, accepted=1, failed=1)
    assert selectors.finishable(10) == []
    assert messaging.finish(message.pk) is False
    assert status_of(message) == Status.PUBLISHED


@pytest.mark.parametrize("status", [one for one in Status if one != Status.PUBLISHED])
def test_only_a_published_message_is_finished(message: Message, status: Status) -> None:
    put(message, status)
    assert selectors.finishable(10) == []
    assert messaging.finish(message.pk) is False
    assert status_of(message) == status


def test_another_message_s_open_deliveries_do_not_matter(world: World, message: Message) -> None:
    other = put(a_message(world.author, world.office, to=world.classroom, channels=("email",)), Status.PUBLISHED)
    count(other, "email", total=1)
    assert selectors.finishable(10) == [message.pk]
    assert messaging.finish(message.pk)
    assert not messaging.finish(other.pk)
