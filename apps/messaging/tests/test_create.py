"""Who may hand in a draft, what makes a draft, and that nothing is stored of one that is refused."""

from dataclasses import replace

import pytest
from pytest_django import Settings

from apps.accounts.tests.factories import an_author
from apps.channels.models import Channel
from apps.core.errors import InvalidInput, MsgcenterError, NotAllowed, NotFound
from apps.directory.models import OrgUnit, Person
from apps.directory.tests.factories import a_class, a_guardian, a_person, a_unit
from apps.messaging import audience
from apps.messaging import services as messaging
from apps.messaging.drafts import Draft, Rule
from apps.messaging.models import AudienceRule, Message, Urgency
from apps.messaging.tests.acts import audited, soon, stored
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_draft

pytestmark = pytest.mark.django_db
EXCLUDE = AudienceRule.Effect.EXCLUDE


def refused(draft: Draft, world: World, *, by: str = "author") -> MsgcenterError:
    before = stored()
    with pytest.raises(MsgcenterError) as caught:
        messaging.create(draft, by=world.user(by))
    assert stored() == before
    return caught.value


def test_stores_all_of_the_draft(world: World) -> None:
    rules = (
        Rule(unit=world.classroom, kind="student", reach=AudienceRule.Reach.BOTH),
        Rule(person=world.student, effect=EXCLUDE),
        Rule(uploaded=True),
    )
    late, later = soon(60), soon(120)
    guest = a_person(world.classroom)
    draft = a_draft(
        world.office,
        title="停水 🎓",
        content="((name))",
        channels=("email", "inbox"),
        rules=rules,
        rows={guest.pk: {"seat": "7"}},
        publish_at=late,
        expires_at=later,
        urgency=Urgency.URGENT,
    )
    found = Message.objects.get(pk=messaging.create(draft, by=world.author).pk)
    assert (found.title, found.content, found.urgency, found.status) == ("停水 🎓", "((name))", "urgent", "draft")
    assert (found.publish_at, found.expires_at, found.author, found.unit) == (late, later, world.author, world.office)
    assert {one.channel.key for one in found.message_channels.all()} == {"email", "inbox"}
    assert [(r.effect, r.reach, r.unit, r.kind, r.person, r.uploaded) for r in found.audience_rules.all()] == [
        ("include", "both", world.classroom, "student", None, False),
        ("exclude", "self", None, "", world.student, False),
        ("include", "self", None, "", None, True),
    ]
    assert list(found.audience_rows.values_list("person", "values")) == [(guest.pk, {"seat": "7"})]
    assert audited("create") == [("author", str(found.pk))]


@pytest.mark.parametrize("who", ["author", "administrator", "superuser"])
def test_may_be_written_by(world: World, who: str) -> None:
    message = messaging.create(a_draft(world.office, to=world.classroom), by=world.user(who))
    assert audited("create") == [(who, str(message.pk))]


@pytest.mark.parametrize(("who", "error"), [("approver", NotAllowed), ("stranger", NotFound), ("recipient", NotFound)])
def test_may_not_be_written_by(world: World, who: str, error: type[MsgcenterError]) -> None:
    assert isinstance(refused(a_draft(world.office, to=world.classroom), world, by=who), error)


@pytest.mark.parametrize("who", ["administrator", "superuser"])
def test_emergency_may_be_written_by(world: World, who: str) -> None:
    draft = a_draft(world.office, to=world.classroom, urgency=Urgency.EMERGENCY)
    assert messaging.create(draft, by=world.user(who)).urgency == "emergency"


def test_emergency_needs_its_own_right(world: World) -> None:
    error = refused(a_draft(world.office, to=world.classroom, urgency=Urgency.EMERGENCY), world)
    assert isinstance(error, NotAllowed)
    assert error.field == "urgency"


def test_unit_that_nobody_may_know_is_not_found(world: World) -> None:
    error = refused(a_draft(world.other_office, to=world.classroom), world)
    assert isinstance(error, NotFound)
    assert error.field == "unit"


@pytest.mark.parametrize("effect", list(AudienceRule.Effect))
def test_other_department_is_not_found(world: World, effect: str) -> None:
    a_person(world.other_office, kind=Person.Kind.STAFF)
    rules = (Rule(unit=world.classroom), Rule(unit=world.other_office, effect=effect))
    error = refused(a_draft(world.office, rules=rules), world)
    assert isinstance(error, NotFound)
    assert error.field == "audience"


def test_people_of_another_department_are_not_found(world: World) -> None:
    clerk = a_person(world.other_office, kind=Person.Kind.STAFF)
    assert isinstance(refused(a_draft(world.office, rules=(Rule(person=clerk),)), world), NotFound)
    uploaded = a_draft(world.office, rules=(Rule(uploaded=True),), rows={world.student.pk: {}, clerk.pk: {}})
    assert isinstance(refused(uploaded, world), NotFound)


def test_whole_school_does_not_bring_another_department_s_people(world: World) -> None:
    """The school is above both departments; by way of it nobody reaches what he may not reach by name."""
    clerk = a_person(world.other_office, kind=Person.Kind.STAFF)
    assert isinstance(refused(a_draft(world.office, to=world.school), world), NotFound)
    message = messaging.create(a_draft(world.office, to=world.school), by=world.superuser)
    assert clerk in audience.people(message)


def test_school_s_own_people_can_be_named(world: World) -> None:
    head = a_person(world.school, kind=Person.Kind.STAFF)
    draft = a_draft(world.office, rules=(Rule(person=head),))
    assert audience.people(messaging.create(draft, by=world.author)).get() == head


@pytest.mark.parametrize("by", ["author", "superuser"])
def test_nobody_is_not_found(world: World, by: str) -> None:
    uploaded = a_draft(world.office, rules=(Rule(uploaded=True),), rows={world.student.pk: {}, 10**9: {}})
    error = refused(uploaded, world, by=by)
    assert isinstance(error, NotFound)
    assert error.field == "audience"


def test_college_writes_to_itself_only(world: World) -> None:
    college = a_unit(kind=OrgUnit.Kind.COLLEGE, parent=world.school)
    own_class = a_class(college, students=1)
    author = an_author(college)
    messaging.create(a_draft(college, to=own_class), by=author)
    with pytest.raises(NotFound):
        messaging.create(a_draft(college, to=world.classroom), by=author)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rules": ()}, "audience"),
        ({"channels": ()}, "channels"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "two\x00"}, "title"),
        ({"title": "two\u2028"}, "title"),
        ({"title": "((open"}, "title"),
        ({"content": "((a ((b)) ))"}, "content"),
        ({"content": "((seat))"}, "content"),
    ],
)
def test_senseless_draft_is_refused(world: World, change: dict[str, object], field: str) -> None:
    error = refused(replace(a_draft(world.office, to=world.classroom), **change), world)
    assert isinstance(error, InvalidInput)
    assert error.field == field


@pytest.mark.parametrize(
    ("seconds", "field"),
    [
        ({"publish_at": -1}, "publish_time"),
        ({"expires_at": -1}, "expires_at"),
        ({"publish_at": 5000 * 86400}, "publish_time"),
        ({"publish_at": 9000, "expires_at": 8000}, "expires_at"),
    ],
)
def test_senseless_times_are_refused(world: World, seconds: dict[str, int], field: str) -> None:
    times = {name: soon(number) for name, number in seconds.items()}
    error = refused(a_draft(world.office, to=world.classroom, **times), world)
    assert isinstance(error, InvalidInput)
    assert error.field == field


def test_expiry_at_the_time_of_publishing_is_refused(world: World) -> None:
    at = soon()
    assert refused(a_draft(world.office, to=world.classroom, publish_at=at, expires_at=at), world).field == "expires_at"


def test_switched_off_channel_is_refused(world: World) -> None:
    Channel.objects.filter(key="sms").update(enabled=False)
    assert refused(a_draft(world.office, to=world.classroom, channels=("inbox", "sms")), world).field == "channels"


def test_empty_audience_is_refused(world: World) -> None:
    assert refused(a_draft(world.office, to=a_class(world.school)), world).code == "no_recipients"
    only_excluded = (Rule(unit=world.classroom, effect=EXCLUDE),)
    assert refused(a_draft(world.office, rules=only_excluded), world).code == "no_recipients"


def test_audience_above_the_limit_is_refused(world: World, settings: Settings) -> None:
    settings.MAX_AUDIENCE = 2
    crowd = a_class(world.school, students=3)
    error = refused(a_draft(world.office, to=crowd), world)
    assert (error.code, error.field) == ("invalid", "audience")
    settings.MAX_AUDIENCE = 3
    messaging.create(a_draft(world.office, to=crowd), by=world.author)


@pytest.mark.parametrize(
    ("rules", "rows", "code"),
    [
        ("uploaded", {"room": "1", "seat": "2"}, None),
        ("uploaded", {"room": "1"}, "missing_value"),
        ("uploaded", {}, "missing_value"),
        ("unit", {"room": "1", "seat": "2"}, "missing_value"),
        ("both", {"room": "1", "seat": "2"}, "missing_value"),
        ("guardians", {"room": "1", "seat": "2"}, "missing_value"),
    ],
)
def test_placeholders_need_a_value_for_everybody(
    world: World, rules: str, rows: dict[str, str], code: str | None
) -> None:
    a_guardian(world.student)
    uploaded = Rule(uploaded=True)
    audience = {
        "uploaded": (uploaded, Rule(unit=world.other_office, effect=EXCLUDE)),
        "unit": (Rule(unit=world.classroom),),
        "both": (uploaded, Rule(unit=world.classroom)),
        "guardians": (Rule(uploaded=True, reach=AudienceRule.Reach.BOTH),),
    }[rules]
    draft = a_draft(
        world.office, content="((name)) ((number)) ((room)) ((seat))", rules=audience, rows={world.student.pk: rows}
    )
    if code:
        assert refused(draft, world, by="superuser").code == code
    else:
        messaging.create(draft, by=world.superuser)
