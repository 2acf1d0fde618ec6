"""A scheduled message starts once, when its time has come, or never."""

import pytest

from apps.core.tests.threads import together
from apps.messaging import selectors
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.states import Status
from apps.messaging.tests.acts import audited, put, soon, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message
from tests.services.redis_server import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def due(world: World) -> Message:
    message = a_message(world.author, world.office, to=world.classroom)
    return put(message, Status.SCHEDULED, publish_at=soon(-1))


def test_starts_when_its_time_has_come(due: Message) -> None:
    assert selectors.publish_due(10) == [due.pk]
    assert messaging.begin(due.pk) is True
    assert status_of(due) == Status.PUBLISHING
    assert Message.objects.get().published_at is not None
    assert audited("begin") == [("msgcenter", str(due.pk))]
    assert selectors.publish_due(10) == []


def test_second_time_does_nothing(due: Message) -> None:
    assert messaging.begin(due.pk)
    before = Message.objects.values().get()
    assert messaging.begin(due.pk) is False
    assert Message.objects.values().get() == before
    assert len(audited("begin")) == 1


def test_does_not_start_too_early(due: Message) -> None:
    put(due, Status.SCHEDULED, publish_at=soon(5))
    assert selectors.publish_due(10) == []
    assert messaging.begin(due.pk) is False
    assert status_of(due) == Status.SCHEDULED
    assert audited("begin") == []


@pytest.mark.parametrize("status", [one for one in Status if one != Status.SCHEDULED])
def test_only_a_scheduled_message_starts(due: Message, status: Status) -> None:
    put(due, status)
    assert messaging.begin(due.pk) is False
    assert status_of(due) == status


def test_whose_expiry_has_passed_too_is_expired_and_never_published(due: Message) -> None:
    put(due, Status.SCHEDULED, publish_at=soon(-20), expires_at=soon(-10))
    assert messaging.begin(due.pk) is True
    assert status_of(due) == Status.EXPIRED
    assert Message.objects.get().published_at is None
    assert audited("begin") == []
    assert audited("expire") == [("msgcenter", str(due.pk))]
    assert messaging.begin(due.pk) is False


@pytest.mark.django_db(transaction=True)
def test_fault_21_begun_by_three_clocks_at_once_starts_once(due: Message, broker: RedisServer) -> None:
    results = together(*[lambda: messaging.begin(due.pk)] * 3)
    assert sorted(results) == [False, False, True]
    assert len(audited("begin")) == 1
    assert broker.command("LLEN", "fanout") == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(5))
def test_begin_against_expire_ends_in_expired_and_publishes_nothing(
    due: Message, broker: RedisServer, turn: int
) -> None:
    put(due, Status.SCHEDULED, publish_at=soon(-20), expires_at=soon(-10))
    results = together(lambda: messaging.begin(due.pk), lambda: messaging.expire(due.pk))
    assert sorted(results) == [False, True]
    assert status_of(due) == Status.EXPIRED
    assert audited("begin") == []
    assert len(audited("expire")) == 1
