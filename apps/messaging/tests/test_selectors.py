"""What may be seen by whom, and what the sweeps find."""

import pytest

from apps.core.errors import NotFound
from apps.messaging import selectors
from apps.messaging.models import MessageChannel
from apps.messaging.states import WITHDRAWN, Status
from apps.messaging.tests.acts import put, soon
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("author", True),
        ("approver", True),
        ("administrator", True),
        ("superuser", True),
        ("stranger", False),
        ("recipient", False),
    ],
)
def test_message_is_seen_by_its_unit(world: World, who: str, sees: bool) -> None:
    message = a_message(world.author, world.office, to=world.classroom)
    assert list(selectors.visible_to(world.user(who))) == ([message] if sees else [])
    if sees:
        assert selectors.get(world.user(who), message.pk) == message
    else:
        with pytest.raises(NotFound):
            selectors.get(world.user(who), message.pk)


def test_message_that_never_was_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        selectors.get(world.superuser, 10**9)


@pytest.mark.parametrize("status", list(Status))
def test_stalled_fan_out_is_found(world: World, status: Status) -> None:
    message = put(a_message(world.author, world.office, to=world.classroom), status, ring_at=soon(-1))
    assert selectors.fan_out_stalled(10) == ([message.pk] if status == Status.PUBLISHING else [])
    put(message, status, ring_at=soon(60))
    assert selectors.fan_out_stalled(10) == []


@pytest.mark.parametrize("status", list(Status))
def test_ended_message_with_open_deliveries_is_found(world: World, status: Status) -> None:
    message = put(a_message(world.author, world.office, to=world.classroom), status)
    assert selectors.ended_unsettled(10) == []
    MessageChannel.objects.update(total=2, cancelled=1)
    assert selectors.ended_unsettled(10) == ([message.pk] if status in WITHDRAWN else [])
    MessageChannel.objects.update(cancelled=2)
    assert selectors.ended_unsettled(10) == []


def test_sweeps_look_at_no_more_than_they_are_told(world: World) -> None:
    messages = [a_message(world.author, world.office, to=world.classroom) for _ in range(3)]
    for message in messages:
        put(message, Status.SCHEDULED, publish_at=soon(-1))
    assert selectors.publish_due(2) == [message.pk for message in messages[:2]]
