"""Nobody approves his own message, and nobody publishes to whom he, or the key he uses, does not reach."""

from dataclasses import replace

import pytest

from apps.accounts import keys
from apps.accounts.keys import KeyDraft
from apps.accounts.models import ApiKey, User
from apps.core.errors import NotAllowed
from apps.directory.tests.factories import a_class, a_person
from apps.messaging import drafts, segments
from apps.messaging import services as messaging
from apps.messaging.drafts import Rule
from apps.messaging.models import Channel, Message, MessageType
from apps.messaging.states import Status
from apps.messaging.tests.acts import soon, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message

pytestmark = pytest.mark.django_db


@pytest.fixture
def checked(world: World) -> Message:
    kind = MessageType.objects.create(key="checked", title="Checked", approval_needed=True)
    return a_message(world.author, world.office, to=world.classroom, type=kind)


def change(message: Message, by: User, **fields: object) -> None:
    messaging.change(message, replace(drafts.of(message), **fields), by=by)


@pytest.mark.parametrize("part", ["title", "content", "rules", "rows", "channels"])
def test_nobody_approves_what_he_has_written_a_part_of(world: World, checked: Message, part: str) -> None:
    """Also where somebody else has changed it since."""
    others = {person.pk: {} for person in (world.student, a_person(world.classroom))}
    change(checked, world.author, rules=(Rule(uploaded=True),), rows={world.student.pk: {}})
    new = {
        "title": "another",
        "content": "another",
        "rules": (Rule(unit=a_class(world.office, students=1)),),
        "rows": {pk: {} for pk in others if pk != world.student.pk},
        "channels": (Channel.objects.get(key="sms"),),
    }
    also = {"rows": {}} if part == "rules" else {}
    change(checked, world.administrator, **{part: new[part]}, **also)
    change(checked, world.author, title="the last word")
    with pytest.raises(NotAllowed):
        messaging.publish(checked, by=world.administrator)
    assert status_of(checked) == Status.DRAFT
    assert messaging.publish(checked, by=world.approver).status == Status.PUBLISHING


def test_who_has_set_its_time_only_may_approve_it(world: World, checked: Message) -> None:
    change(checked, world.administrator, expires_at=soon(7200))
    change(checked, world.author, title="the last word")
    assert messaging.publish(checked, by=world.administrator).status == Status.PUBLISHING


class TestKeys:
    @pytest.fixture
    def narrow(self, world: World) -> User:
        """The author by a key for a section of his office."""
        section = a_class(world.office, students=1)
        draft = KeyDraft(name="x", kind=ApiKey.Kind.LIVE, scopes=("see", "write", "publish"), unit=section)
        user = User.objects.get(pk=world.administrator.pk)
        user.api_key = keys.create(draft, by=world.administrator).row
        return user

    def test_who_wrote_it_last_publishes_with_what_his_key_reaches(self, world: World, narrow: User) -> None:
        """Not with what he reaches himself: the key is in other hands."""
        unit = narrow.api_key.unit
        segment = segments.create(segments.Draft(name="s", unit=unit, rules=(Rule(unit=unit),)), by=world.administrator)
        message = a_message(world.administrator, unit, rules=(Rule(segment=segment),))
        wider = segments.Draft(name="s", unit=unit, rules=(Rule(unit=world.office),))
        segments.change(segment, wider, by=world.administrator)
        with pytest.raises(NotAllowed):
            messaging.publish(message, by=narrow)
        assert messaging.publish(message, by=world.administrator).status == Status.PUBLISHING
