"""What has not been sent is taken back by those who may publish; what is over stays as it is."""

import pytest

from apps.core.errors import Conflict, MsgcenterError, NotFound
from apps.core.tests.threads import together
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.states import RECALLABLE, Status
from apps.messaging.tests.acts import audited, put, soon, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message
from tests.services.redis_server import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(world: World) -> Message:
    return put(a_message(world.author, world.office, to=world.classroom), Status.PUBLISHED)


@pytest.mark.parametrize("who", ["author", "approver", "administrator", "superuser"])
def test_may_be_recalled_by(world: World, message: Message, who: str) -> None:
    messaging.recall(message, by=world.user(who))
    assert status_of(message) == Status.RECALLED
    assert Message.objects.get().ended_at == message.ended_at is not None
    assert audited("recall") == [(who, str(message.pk))]


@pytest.mark.parametrize(("who", "error"), [("stranger", NotFound), ("recipient", NotFound)])
def test_may_not_be_recalled_by(world: World, message: Message, who: str, error: type[MsgcenterError]) -> None:
    with pytest.raises(error):
        messaging.recall(message, by=world.user(who))
    assert status_of(message) == Status.PUBLISHED
    assert audited("recall") == []


@pytest.mark.parametrize("status", list(Status))
def test_only_what_is_on_its_way_can_be_recalled(world: World, message: Message, status: Status) -> None:
    put(message, status)
    if status in RECALLABLE:
        assert messaging.recall(message, by=world.author).status == Status.RECALLED
        return
    with pytest.raises(Conflict):
        messaging.recall(message, by=world.author)
    assert status_of(message) == status
    assert audited("recall") == []


@pytest.mark.django_db(transaction=True)
def test_rings_for_the_rest_to_be_closed(world: World, message: Message, broker: RedisServer) -> None:
    messaging.recall(message, by=world.author)
    assert broker.command("LLEN", "fanout") == 1
    assert "workers.close" in broker.command("LPOP", "fanout")


@pytest.mark.django_db(transaction=True)
def test_recalled_by_many_at_once_is_recalled_once(world: World, message: Message, broker: RedisServer) -> None:
    copies = [Message.objects.get() for _ in range(4)]
    results = together(*[lambda one=one: messaging.recall(one, by=world.author) for one in copies])
    assert sorted(type(one).__name__ for one in results) == ["Conflict"] * 3 + ["Message"]
    assert len(audited("recall")) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(5))
def test_recall_against_publish(world: World, broker: RedisServer, turn: int) -> None:
    """A draft cannot be recalled, so either the recall comes too early or it takes the publication back."""
    a_message(world.author, world.office, to=world.classroom)
    one, other = Message.objects.get(), Message.objects.get()
    results = together(
        lambda: messaging.publish(one, by=world.author), lambda: messaging.recall(other, by=world.approver)
    )
    assert isinstance(results[0], Message)
    if isinstance(results[1], Message):
        assert status_of(one) == Status.RECALLED
        assert len(audited("recall")) == 1
    else:
        assert isinstance(results[1], Conflict)
        assert status_of(one) == Status.PUBLISHING
        assert audited("recall") == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(5))
def test_recall_against_begin(world: World, broker: RedisServer, turn: int) -> None:
    message = a_message(world.author, world.office, to=world.classroom)
    put(message, Status.SCHEDULED, publish_at=soon(-1))
    began, recalled = together(
        lambda: messaging.begin(message.pk), lambda: messaging.recall(Message.objects.get(), by=world.author)
    )
    assert isinstance(recalled, Message)
    assert status_of(message) == Status.RECALLED
    assert len(audited("begin")) == int(began)
