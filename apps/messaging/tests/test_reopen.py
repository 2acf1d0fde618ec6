"""A finished message is open again for what is sent again; what was taken back or is too late stays over."""

import pytest

from apps.core.errors import Conflict, NotFound
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.states import LIVE, Status
from apps.messaging.tests.acts import audited, put, soon
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(world: World) -> Message:
    draft = a_message(world.author, world.office, to=world.classroom)
    return put(draft, Status.FINISHED, ended_at=soon(-60), paused_at=soon(-90))


def test_a_finished_message_is_published_again(world: World, message: Message) -> None:
    messaging.reopen(message, by=world.author)
    row = Message.objects.get()
    assert (row.status, row.ended_at, row.paused_at) == (Status.PUBLISHED, None, None)
    assert audited("reopen") == [("author", str(message.pk))]


@pytest.mark.parametrize("status", list(Status))
def test_only_what_is_out_and_not_over_may_send_again(world: World, message: Message, status: Status) -> None:
    put(message, status)
    if status in LIVE | {Status.FINISHED}:
        assert messaging.reopen(message, by=world.author).status in LIVE
        return
    with pytest.raises(Conflict):
        messaging.reopen(message, by=world.author)
    assert Message.objects.get().status == status


@pytest.mark.parametrize("status", [Status.FINISHED, Status.PUBLISHED])
def test_past_its_expiry_nothing_is_sent_again(world: World, message: Message, status: Status) -> None:
    put(message, status, expires_at=soon(-1))
    with pytest.raises(Conflict):
        messaging.reopen(message, by=world.author)


@pytest.mark.parametrize("who", ["stranger", "recipient"])
def test_nobody_else_reopens_it(world: World, message: Message, who: str) -> None:
    with pytest.raises(NotFound):
        messaging.reopen(message, by=world.user(who))
    assert Message.objects.get().status == Status.FINISHED
