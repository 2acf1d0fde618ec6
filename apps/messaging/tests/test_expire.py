"""A message ends when its expiry has passed, unless it is over already."""

import pytest

from apps.messaging import selectors
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.states import LIVE, Status
from apps.messaging.tests.acts import audited, put, soon, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message
from tests.services.redis_server import RedisServer

pytestmark = pytest.mark.django_db
EXPIRABLE = LIVE | {Status.SCHEDULED}


@pytest.fixture
def over(world: World) -> Message:
    message = a_message(world.author, world.office, to=world.classroom)
    return put(message, Status.PUBLISHED, expires_at=soon(-1))


@pytest.mark.parametrize("status", list(Status))
def test_ends_what_could_still_be_sent(over: Message, status: Status) -> None:
    put(over, status)
    ends = status in EXPIRABLE
    assert selectors.expire_due(10) == ([over.pk] if ends else [])
    assert messaging.expire(over.pk) is ends
    assert status_of(over) == (Status.EXPIRED if ends else status)
    assert audited("expire") == ([("msgcenter", str(over.pk))] if ends else [])
    assert messaging.expire(over.pk) is False


@pytest.mark.parametrize("seconds", [None, 60])
def test_does_not_end_before_its_time(over: Message, seconds: int | None) -> None:
    put(over, Status.PUBLISHED, expires_at=soon(seconds) if seconds else None)
    assert selectors.expire_due(10) == []
    assert messaging.expire(over.pk) is False
    assert status_of(over) == Status.PUBLISHED


@pytest.mark.django_db(transaction=True)
def test_rings_for_the_rest_to_be_closed(over: Message, broker: RedisServer) -> None:
    messaging.expire(over.pk)
    assert "workers.close" in broker.command("LPOP", "fanout")
