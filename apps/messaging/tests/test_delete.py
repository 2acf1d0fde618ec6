"""A draft can be deleted by those who may write; what was published stays for ever."""

import pytest

from apps.core.errors import Conflict, MsgcenterError, NotAllowed, NotFound
from apps.messaging import services as messaging
from apps.messaging.models import AudienceRule, Message, MessageChannel
from apps.messaging.states import Status
from apps.messaging.tests.acts import audited, put, stored
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", ["author", "administrator", "superuser"])
def test_may_be_deleted_by(world: World, who: str) -> None:
    message = a_message(world.author, world.office, to=world.classroom)
    pk = message.pk
    messaging.delete(message, by=world.user(who))
    assert not any(model.objects.exists() for model in (Message, MessageChannel, AudienceRule))
    assert audited("delete") == [(who, str(pk))]


@pytest.mark.parametrize(("who", "error"), [("approver", NotAllowed), ("stranger", NotFound), ("recipient", NotFound)])
def test_may_not_be_deleted_by(world: World, who: str, error: type[MsgcenterError]) -> None:
    message = a_message(world.author, world.office, to=world.classroom)
    before = stored()
    with pytest.raises(error):
        messaging.delete(message, by=world.user(who))
    assert stored() == before


@pytest.mark.parametrize("status", [one for one in Status if one != Status.DRAFT])
def test_only_a_draft_can_be_deleted(world: World, status: Status) -> None:
    message = put(a_message(world.author, world.office, to=world.classroom), status)
    before = stored()
    with pytest.raises(Conflict):
        messaging.delete(message, by=world.author)
    assert stored() == before


def test_deleted_twice_is_not_found(world: World) -> None:
    message = a_message(world.author, world.office, to=world.classroom)
    again = Message.objects.get(pk=message.pk)
    messaging.delete(message, by=world.author)
    with pytest.raises(NotFound):
        messaging.delete(again, by=world.author)
    assert len(audited("delete")) == 1
