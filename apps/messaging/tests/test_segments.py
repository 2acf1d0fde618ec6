"""Saved segments: who may write and use them, and that a message means what it meant when it was published."""

import pytest

from apps.accounts.tests.factories import an_administrator, an_approver, an_author
from apps.audit.models import Entry
from apps.core.errors import Conflict, InvalidInput, MsgcenterError, NotAllowed, NotFound
from apps.core.tests.threads import together
from apps.directory.models import OrgUnit, Person, Segment, SegmentRule
from apps.directory.tests.factories import a_class, a_person, a_unit
from apps.messaging import audience, drafts, segments
from apps.messaging import services as messaging
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRule, Message, MessageType
from apps.messaging.states import ENDED, FREEZING, Status
from apps.messaging.tests.acts import audited, put, soon, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_draft, a_message

pytestmark = pytest.mark.django_db
EXCLUDE = AudienceRule.Effect.EXCLUDE


def a_plan(world: World, **fields: object) -> segments.Draft:
    plain = {"name": "class 1", "unit": world.office, "rules": (Rule(unit=world.classroom),)}
    return segments.Draft(**plain | fields)


@pytest.fixture
def segment(world: World) -> Segment:
    return segments.create(a_plan(world), by=world.author)


@pytest.fixture
def message(world: World, segment: Segment) -> Message:
    return a_message(world.author, world.office, rules=(Rule(segment=segment),))


def refused(act: object, *args: object, **kwargs: object) -> MsgcenterError:
    before = list(SegmentRule.objects.values()), list(Segment.objects.values()), Entry.objects.count()
    with pytest.raises(MsgcenterError) as caught:
        act(*args, **kwargs)
    assert (list(SegmentRule.objects.values()), list(Segment.objects.values()), Entry.objects.count()) == before
    return caught.value


# --- writing ----------------------------------------------------------------------------------------------------------
def test_stores_all_of_it_and_says_so(world: World) -> None:
    rules = (
        Rule(unit=world.classroom, kind="student", cohort=2024, state="active", minors=True, reach="both"),
        Rule(person=world.student, effect=EXCLUDE),
    )
    segment = segments.create(a_plan(world, rules=rules), by=world.author)
    assert segments.of(Segment.objects.get()) == a_plan(world, rules=rules)
    assert audited("create") == [("author", str(segment.pk))]
    entry = Entry.objects.get(verb="create", object_type="directory.segment")
    assert entry.unit_id == world.office.pk
    assert len(entry.details["rules"]) == 2


@pytest.mark.parametrize("who", ["author", "administrator", "superuser"])
def test_may_be_written_by(world: World, who: str) -> None:
    segments.create(a_plan(world), by=world.user(who))


@pytest.mark.parametrize(("who", "error"), [("approver", NotAllowed), ("stranger", NotFound), ("recipient", NotFound)])
def test_may_not_be_written_by(world: World, who: str, error: type[MsgcenterError]) -> None:
    assert isinstance(refused(segments.create, a_plan(world), by=world.user(who)), error)


@pytest.mark.parametrize(("who", "error"), [("approver", NotAllowed), ("stranger", NotFound), ("recipient", NotFound)])
@pytest.mark.parametrize("verb", ["change", "delete"])
def test_may_not_be_touched_by(
    world: World, segment: Segment, verb: str, who: str, error: type[MsgcenterError]
) -> None:
    args = (segment, a_plan(world, name="other")) if verb == "change" else (segment,)
    assert isinstance(refused(getattr(segments, verb), *args, by=world.user(who)), error)


def test_is_known_to_its_unit_and_above_and_to_nobody_else(world: World, segment: Segment) -> None:
    college = an_author(a_unit(kind=OrgUnit.Kind.COLLEGE, parent=world.school))
    head = an_administrator(world.school)
    for user in (world.author, world.approver, head, world.superuser):
        assert segments.get(user, segment.pk) == segment
    for user in (world.stranger, world.recipient, college):
        assert not segments.visible_to(user).exists()
        with pytest.raises(NotFound):
            segments.get(user, segment.pk)


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"name": " "}, InvalidInput, "name"),
        ({"name": "two\nlines"}, InvalidInput, "name"),
        ({"rules": ()}, InvalidInput, "audience"),
        ({"rules": "exclude"}, InvalidInput, "audience"),
        ({"rules": "uploaded"}, InvalidInput, "audience"),
        ({"rules": "nothing"}, InvalidInput, "audience"),
        ({"rules": "left"}, InvalidInput, "audience"),
        ({"rules": "year"}, InvalidInput, "audience"),
        ({"rules": "unit"}, NotFound, "audience"),
        ({"rules": "person"}, NotFound, "audience"),
    ],
)
def test_what_makes_no_sense_is_refused(
    world: World, change: dict[str, object], error: type[MsgcenterError], field: str
) -> None:
    rules = {
        "exclude": Rule(unit=world.classroom, effect=EXCLUDE),
        "uploaded": Rule(uploaded=True),
        "nothing": Rule(),
        "left": Rule(unit=world.classroom, state="left"),
        "year": Rule(unit=world.classroom, cohort=24),
        "unit": Rule(unit=world.other_office),
        "person": Rule(person=a_person(world.other_office, kind=Person.Kind.STAFF)),
    }
    if change.get("rules") in rules:
        change = {"rules": (rules[change["rules"]],)}
    found = refused(segments.create, a_plan(world, **change), by=world.author)
    assert isinstance(found, error)
    assert found.field == field


def test_a_segment_in_a_segment_is_refused(world: World, segment: Segment) -> None:
    plan = a_plan(world, name="other", rules=(Rule(segment=segment),))
    assert isinstance(refused(segments.create, plan, by=world.author), InvalidInput)


def test_a_name_is_given_once_in_a_unit(world: World, segment: Segment) -> None:
    assert refused(segments.create, a_plan(world), by=world.author).code == "duplicate"
    other = segments.create(a_plan(world, name="other"), by=world.author)
    assert refused(segments.change, other, a_plan(world), by=world.author).code == "duplicate"
    segments.create(a_plan(world, unit=world.other_office), by=world.stranger)
    segments.change(segment, a_plan(world), by=world.author)


@pytest.mark.django_db(transaction=True)
def test_a_name_is_given_once_also_to_many_at_once(world: World) -> None:
    results = together(*[lambda: segments.create(a_plan(world), by=world.author) for _ in range(4)])
    assert sorted(type(one).__name__ for one in results) == ["InvalidInput"] * 3 + ["Segment"]


def test_a_change_is_told_before_and_after(world: World, segment: Segment) -> None:
    segments.change(segment, a_plan(world, name="all", rules=(Rule(person=world.student),)), by=world.administrator)
    assert segments.of(Segment.objects.get()).rules == (Rule(person=world.student),)
    told = Entry.objects.get(verb="change").details["changes"]
    assert told["name"] == ["class 1", "all"]
    assert [world.classroom.name in told["rules"][0], world.student.name in told["rules"][1]] == [True, True]


def test_a_segment_stays_with_its_unit(world: World, segment: Segment) -> None:
    plan = a_plan(world, unit=world.other_office)
    assert refused(segments.change, segment, plan, by=world.superuser).field == "unit"


# --- using ------------------------------------------------------------------------------------------------------------
def test_a_message_means_the_people_of_the_segment(world: World, message: Message) -> None:
    assert audience.people(message).get() == world.student
    assert drafts.of(message).rules == (Rule(segment=Segment.objects.get()),)


@pytest.mark.parametrize("effect", list(AudienceRule.Effect))
def test_a_foreign_segment_is_not_found(world: World, segment: Segment, effect: str) -> None:
    rules = (Rule(unit=world.classroom), Rule(segment=segment, effect=effect))
    with pytest.raises(NotFound) as caught:
        messaging.create(a_draft(world.other_office, rules=rules), by=world.stranger)
    assert caught.value.field == "audience"


def test_who_uses_a_segment_reaches_all_of_it_himself(world: World, segment: Segment) -> None:
    for rules in ((Rule(unit=world.school),), (Rule(person=a_person(world.other_office, kind="staff")),)):
        segments.change(segment, a_plan(world, rules=rules), by=world.superuser)
        draft = a_draft(world.office, rules=(Rule(segment=segment),))
        with pytest.raises(NotAllowed):
            messaging.create(draft, by=world.author)
        messaging.create(draft, by=world.superuser)


def widen(segment: Segment, world: World) -> None:
    """Somebody with more reach makes it the whole school."""
    segments.change(segment, a_plan(world, rules=(Rule(unit=world.school),)), by=world.superuser)


def test_a_segment_that_was_widened_since_is_not_published_by_who_reaches_less(
    world: World, segment: Segment, message: Message
) -> None:
    widen(segment, world)
    for user in (world.author, world.approver, world.administrator):
        with pytest.raises(NotAllowed):
            messaging.publish(message, by=user)
    assert status_of(message) == Status.DRAFT
    messaging.publish(message, by=world.superuser)


def test_an_approver_publishes_by_the_reach_of_who_wrote_it_last(world: World, segment: Segment) -> None:
    kind = MessageType.objects.create(key="checked", title="Checked", approval_needed=True)
    message = a_message(world.author, world.office, rules=(Rule(segment=segment),), type=kind)
    widen(segment, world)
    with pytest.raises(NotAllowed):
        messaging.publish(message, by=world.approver)
    messaging.change(message, drafts.of(message), by=world.superuser)
    messaging.publish(message, by=an_approver(world.office))


@pytest.mark.parametrize("status", [one for one in Status if one not in FREEZING])
def test_it_may_be_changed_while_a_message_that_uses_it_is(world: World, message: Message, status: Status) -> None:
    put(message, status)
    segments.change(Segment.objects.get(), a_plan(world, name="other"), by=world.author)


@pytest.mark.parametrize("status", sorted(FREEZING))
def test_it_may_not_be_changed_while_a_message_that_uses_it_is(world: World, message: Message, status: Status) -> None:
    """Or what was checked and approved would not be what is sent."""
    put(message, status)
    found = refused(segments.change, Segment.objects.get(), a_plan(world, name="other"), by=world.author)
    assert isinstance(found, Conflict)
    assert message.title in str(found.detail)


@pytest.mark.parametrize("status", [one for one in Status if one not in ENDED])
def test_it_may_not_be_deleted_while_a_message_that_uses_it_is(world: World, message: Message, status: Status) -> None:
    put(message, status)
    found = refused(segments.delete, Segment.objects.get(), by=world.author)
    assert isinstance(found, Conflict)
    assert message.title in str(found.detail)


@pytest.mark.parametrize("status", sorted(ENDED))
def test_it_may_be_deleted_when_the_messages_that_used_it_are(world: World, message: Message, status: Status) -> None:
    put(message, status)
    segments.delete(Segment.objects.get(), by=world.author)
    assert not Segment.objects.exists()
    assert [who for who, _pk in audited("delete")] == ["author"]
    (rule,) = message.audience_rules.all()
    assert rule.segment is None
    assert str(rule)
    assert not audience.people(message).exists()


def test_a_foreign_message_s_title_is_not_told(world: World, segment: Segment) -> None:
    secret = a_draft(world.other_office, title="secret", rules=(Rule(segment=segment),))
    messaging.create(secret, by=world.superuser)
    detail = str(refused(segments.delete, segment, by=world.author).detail)
    assert "secret" not in detail


@pytest.mark.django_db(transaction=True)
def test_a_publication_and_a_change_at_once_come_one_after_the_other(world: World, segment: Segment) -> None:
    a_class(world.school, students=1)
    for _ in range(5):
        segments.change(segment, a_plan(world), by=world.superuser)
        message = a_message(world.author, world.office, rules=(Rule(segment=segment),), publish_at=soon())
        published, widened = together(
            lambda message=message: messaging.publish(message, by=world.author), lambda: widen(segment, world)
        )
        outcomes = {type(published), type(widened)}
        assert outcomes in ({Message, Conflict}, {NotAllowed, type(None)})
        assert (status_of(message) == Status.SCHEDULED) == (segments.of(segment) == a_plan(world))
        put(message, Status.RECALLED)


@pytest.mark.django_db(transaction=True)
def test_a_deletion_and_a_message_at_once_come_one_after_the_other(world: World) -> None:
    for number in range(5):
        segment = segments.create(a_plan(world, name=f"number {number}"), by=world.author)
        draft = a_draft(world.office, rules=(Rule(segment=segment),))
        results = together(
            lambda draft=draft: messaging.create(draft, by=world.author),
            lambda segment=segment: segments.delete(segment, by=world.author),
        )
        assert {type(one) for one in results} in ({Message, Conflict}, {NotFound, type(None)})
