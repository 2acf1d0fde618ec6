"""A message on its way is held and let go by those who may publish it; expiry and recall do not wait."""

import pytest

from apps.core.errors import Conflict, MsgcenterError, NotFound
from apps.core.tests.threads import together
from apps.messaging import selectors
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.states import PAUSABLE, Status
from apps.messaging.tests.acts import audited, put, soon, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message
from tests.services.redis_server import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(world: World) -> Message:
    draft = a_message(world.author, world.office, to=world.classroom, channels=("inbox", "email", "sms"))
    return put(draft, Status.PUBLISHED)


def is_paused() -> bool:
    return Message.objects.get().paused


@pytest.mark.parametrize("who", ["author", "approver", "administrator", "superuser"])
def test_may_be_paused_and_resumed_by(world: World, message: Message, who: str) -> None:
    assert messaging.pause(message, by=world.user(who)).paused
    assert is_paused()
    assert not messaging.resume(message, by=world.user(who)).paused
    assert not is_paused()
    assert audited("pause") == audited("resume") == [(who, str(message.pk))]


@pytest.mark.parametrize(("who", "error"), [("stranger", NotFound), ("recipient", NotFound)])
def test_may_not_be_paused_or_resumed_by(world: World, message: Message, who: str, error: type[MsgcenterError]) -> None:
    with pytest.raises(error):
        messaging.pause(message, by=world.user(who))
    assert not is_paused()
    messaging.pause(message, by=world.author)
    with pytest.raises(error):
        messaging.resume(message, by=world.user(who))
    assert is_paused()
    assert audited("resume") == []


@pytest.mark.parametrize("status", list(Status))
def test_only_what_is_on_its_way_can_be_paused(world: World, message: Message, status: Status) -> None:
    put(message, status)
    if status in PAUSABLE:
        assert messaging.pause(message, by=world.author).status == status
        return
    with pytest.raises(Conflict):
        messaging.pause(message, by=world.author)
    assert Message.objects.get().paused_at is None
    assert audited("pause") == []


@pytest.mark.parametrize("status", [Status.FINISHED, Status.RECALLED, Status.EXPIRED])
def test_what_has_ended_is_not_paused_any_more(world: World, message: Message, status: Status) -> None:
    messaging.pause(message, by=world.author)
    put(message, status)
    assert not is_paused()
    with pytest.raises(Conflict):
        messaging.resume(message, by=world.author)


def test_twice_is_a_conflict(world: World, message: Message) -> None:
    with pytest.raises(Conflict):
        messaging.resume(message, by=world.author)
    messaging.pause(message, by=world.author)
    with pytest.raises(Conflict):
        messaging.pause(message, by=world.author)
    assert len(audited("pause")) == 1


def test_a_paused_scheduled_message_begins_when_it_is_resumed(world: World, message: Message) -> None:
    put(message, Status.SCHEDULED, publish_at=soon(-1))
    messaging.pause(message, by=world.author)
    assert selectors.publish_due(10) == []
    assert not messaging.begin(message.pk), "nor does a sweep that had seen it before"
    messaging.resume(message, by=world.author)
    assert selectors.publish_due(10) == [message.pk]
    assert messaging.begin(message.pk)


def test_a_paused_message_expires_and_may_be_recalled(world: World, message: Message) -> None:
    put(message, Status.PUBLISHED, expires_at=soon(-1))
    messaging.pause(message, by=world.author)
    assert selectors.expire_due(10) == [message.pk]
    assert messaging.expire(message.pk)
    put(message, Status.PUBLISHED)
    messaging.recall(message, by=world.author)
    assert status_of(message) == Status.RECALLED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("status", "also"), [(Status.PUBLISHED, 0), (Status.PUBLISHING, 1)])
def test_resume_rings_for_every_channel_that_delivers(
    world: World, message: Message, broker: RedisServer, status: Status, also: int
) -> None:
    put(message, status)
    messaging.pause(message, by=world.author)
    assert broker.command("LLEN", "fanout") == 0
    messaging.resume(message, by=world.author)
    rung = [broker.command("LPOP", "fanout") for _ in range(broker.command("LLEN", "fanout"))]
    assert sum("workers.ring" in one for one in rung) == 2
    assert sum("workers.fan_out" in one for one in rung) == also


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(3))
def test_pause_against_begin_leaves_one_winner(world: World, message: Message, broker: RedisServer, turn: int) -> None:
    put(message, Status.SCHEDULED, publish_at=soon(-1))
    began, paused = together(
        lambda: messaging.begin(message.pk), lambda: messaging.pause(Message.objects.get(), by=world.author)
    )
    assert isinstance(paused, Message)
    assert status_of(message) == (Status.PUBLISHING if began else Status.SCHEDULED)


@pytest.mark.django_db(transaction=True)
def test_paused_by_many_at_once_is_paused_once(world: World, message: Message, broker: RedisServer) -> None:
    copies = [Message.objects.get() for _ in range(4)]
    results = together(*[lambda one=one: messaging.pause(one, by=world.author) for one in copies])
    assert sorted(type(one).__name__ for one in results) == ["Conflict"] * 3 + ["Message"]
    assert len(audited("pause")) == 1
