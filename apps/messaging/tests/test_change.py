"""A draft is replaced whole, by those who may write, and only while it is a draft."""

import pytest

from apps.audit import changes
from apps.audit.models import Entry
from apps.core.errors import Conflict, InvalidInput, MsgcenterError, NotAllowed, NotFound
from apps.directory.tests.factories import a_person
from apps.messaging import drafts
from apps.messaging import services as messaging
from apps.messaging.drafts import Rule
from apps.messaging.models import Message, Urgency
from apps.messaging.states import Status
from apps.messaging.tests.acts import audited, put, stored
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_draft, a_message

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(world: World) -> Message:
    rows = {world.student.pk: {"seat": "1"}}
    return a_message(
        world.author, world.office, rules=(Rule(unit=world.classroom), Rule(uploaded=True)), rows=rows, title="old"
    )


def test_replaces_everything(world: World, message: Message) -> None:
    other = a_person(world.classroom)
    draft = a_draft(world.office, channels=("email", "sms"), title="new", rules=(Rule(person=other),))
    messaging.change(message, draft, by=world.author)
    found = Message.objects.get(pk=message.pk)
    assert found.title == "new"
    assert {one.channel.key for one in found.message_channels.all()} == {"email", "sms"}
    assert [rule.person for rule in found.audience_rules.all()] == [other]
    assert not found.audience_rows.exists()
    assert (found.author, found.status) == (world.author, Status.DRAFT)
    assert audited("change") == [("author", str(message.pk))]


@pytest.mark.parametrize("who", ["author", "administrator", "superuser"])
def test_may_be_changed_by(world: World, message: Message, who: str) -> None:
    messaging.change(message, a_draft(world.office, to=world.classroom), by=world.user(who))
    assert audited("change") == [(who, str(message.pk))]
    assert Message.objects.get().author == world.author


@pytest.mark.parametrize(("who", "error"), [("approver", NotAllowed), ("stranger", NotFound), ("recipient", NotFound)])
def test_may_not_be_changed_by(world: World, message: Message, who: str, error: type[MsgcenterError]) -> None:
    before = stored()
    with pytest.raises(error):
        messaging.change(message, a_draft(world.office, to=world.classroom, title="new"), by=world.user(who))
    assert stored() == before
    assert Message.objects.get().title == "old"


@pytest.mark.parametrize("status", [one for one in Status if one != Status.DRAFT])
def test_only_a_draft_can_be_changed(world: World, message: Message, status: Status) -> None:
    put(message, status)
    before = stored()
    with pytest.raises(Conflict):
        messaging.change(message, a_draft(world.office, to=world.classroom, title="new"), by=world.author)
    assert stored() == before
    assert Message.objects.get().title == "old"


def test_state_in_the_database_counts(world: World, message: Message) -> None:
    put(Message.objects.get(pk=message.pk), Status.PUBLISHED)
    assert message.status == Status.DRAFT
    with pytest.raises(Conflict):
        messaging.change(message, a_draft(world.office, to=world.classroom), by=world.author)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"title": "((open"}, InvalidInput),
        ({"channels": ()}, InvalidInput),
        ({"urgency": Urgency.EMERGENCY}, NotAllowed),
        ({"rules": (Rule(uploaded=True),)}, InvalidInput),
    ],
)
def test_refused_change_leaves_the_old_draft(
    world: World, message: Message, change: dict[str, object], error: type[MsgcenterError]
) -> None:
    before = stored()
    with pytest.raises(error):
        messaging.change(message, a_draft(world.office, **change), by=world.author)
    assert stored() == before
    assert Message.objects.get().title == "old"
    assert [bool(rule.unit) for rule in message.audience_rules.all()] == [True, False]


def test_draft_cannot_be_pushed_into_a_foreign_unit(world: World, message: Message) -> None:
    with pytest.raises(NotFound):
        messaging.change(message, a_draft(world.other_office, to=world.classroom), by=world.author)
    assert Message.objects.get().unit == world.office


def test_message_that_is_gone_is_not_found(world: World, message: Message) -> None:
    Message.objects.get(pk=message.pk).delete()
    with pytest.raises(NotFound):
        messaging.change(message, a_draft(world.office, to=world.classroom), by=world.author)


def test_the_log_tells_what_was_changed_and_of_people_only_how_many(world: World, message: Message) -> None:
    draft = a_draft(world.office, channels=("email", "inbox"), title="new", content="x" * 1000, to=world.classroom)
    messaging.change(message, draft, by=world.author)
    told = Entry.objects.get(verb="change").details["changes"]
    assert told.pop("title") == ["old", "new"]
    assert told.pop("audience_rows") == [1, 0]
    before, after = told.pop("content")
    assert before == "No water on Friday."
    assert len(after) == changes.LONGEST
    assert [len(value.split(", ")) for value in told.pop("channels")] == [1, 2]
    assert "class 1" in told["audience_rules"][1]
    assert list(told) == ["audience_rules"]
    assert "student" not in str(told)


def test_what_stays_is_not_told(world: World, message: Message) -> None:
    messaging.change(message, drafts.of(message), by=world.author)
    assert Entry.objects.get(verb="change").details == {}
