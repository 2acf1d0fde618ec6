"""What a preview says is what fan-out writes down."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from pytest_django import Settings

from apps.accounts.tests.factories import an_author
from apps.core import jobs
from apps.delivery import preview
from apps.delivery.models import Delivery, Recipient, Suppression
from apps.directory.models import ContactPoint, OrgUnit, Person, Relation
from apps.directory.tests.factories import a_class, a_department, a_guardian, a_person, a_school, a_unit
from apps.messaging import audience, segments
from apps.messaging import services as messaging
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRule, Message
from apps.messaging.tests.factories import a_message
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db
EXCLUDE = AudienceRule.Effect.EXCLUDE
CHILD, GROWN_UP = "2015-09-01", "1999-09-01"


@dataclass
class College:
    """机电 with a class of 2024 and one of 2025, and another college; people by what they are called."""

    school: OrgUnit = field(default_factory=lambda: a_school("示例学校"))

    def __post_init__(self) -> None:
        self.office = a_department(self.school, "教务处")
        self.author = an_author(self.office)
        self.college = a_unit("机电工程学院", kind=OrgUnit.Kind.COLLEGE, parent=self.school)
        self.class_2024 = a_class(a_unit("机电一体化", kind="programme", parent=self.college), "机电2401班")
        self.class_2025 = a_class(self.college, "机电2501班")
        other = a_class(a_unit("经济管理学院", kind=OrgUnit.Kind.COLLEGE, parent=self.school), "会计2401班")
        child = self.student("child", born_on=CHILD)
        a_guardian(child, name="guardian of a child", mobile="+8619900000001")
        estranged = a_guardian(child, name="guardian without contact")
        Relation.objects.filter(person=estranged).update(no_contact=True)
        a_guardian(self.student("grown up", born_on=GROWN_UP), name="guardian of a grown up")
        a_guardian(self.student("of unknown age"), name="guardian of somebody of unknown age")
        a_guardian(self.student("intern", born_on=CHILD, state="internship"), name="guardian of an intern")
        a_guardian(self.student("who left", born_on=CHILD, state="left"), name="guardian of who left")
        self.student("a year below", unit=self.class_2025, cohort=2025, born_on=CHILD)
        self.student("elsewhere", unit=other, born_on=CHILD)
        a_person(self.class_2024, name="teacher", kind=Person.Kind.STAFF)

    def student(self, name: str, *, unit: OrgUnit | None = None, **fields: object) -> Person:
        person = a_person(unit or self.class_2024, name=name, email=f"{name.replace(' ', '.')}@stu.school.example")
        Person.objects.filter(pk=person.pk).update(**{"cohort": 2024, **fields})
        return person

    def rules(self) -> tuple[Rule, ...]:
        """By a segment, so that interns and their guardians are out alike."""
        students = Rule(unit=self.college, kind="student", cohort=2024)
        interns = Rule(unit=self.college, state="internship", effect=EXCLUDE)
        plan = segments.Draft(name="2024级 机电 without interns", unit=self.office, rules=(students, interns))
        segment = segments.create(plan, by=self.author)
        return Rule(segment=segment), Rule(segment=segment, minors=True, reach="guardians")


MEANT = {"child", "grown up", "of unknown age", "guardian of a child"}


def frozen(message: Message) -> set[str]:
    return set(Recipient.objects.filter(message=message).values_list("person__name", flat=True))


@pytest.mark.usefixtures("_slice_by_slice")
@pytest.mark.parametrize("size", [1, 4, 5000])
def test_students_of_2024_jidian_without_interns_plus_guardians_of_minors_are_the_same_in_preview_and_at_publish(
    bell: Bell, settings: Settings, size: int
) -> None:
    settings.FAN_OUT_SLICE = size
    made = College()
    rules = made.rules()
    unsaved = preview.of_rules(rules, (), channels=())
    assert set(audience.planned(rules).values_list("name", flat=True)) == MEANT
    message = a_message(made.author, made.office, rules=rules)
    before = preview.of_message(message)
    assert set(before.sample) == set(unsaved.sample) == MEANT
    messaging.publish(message, by=made.author)
    bell.answer(jobs.FAN_OUT)
    message.refresh_from_db()
    assert frozen(message) == MEANT
    after = preview.of_message(message)
    assert (before.frozen, after.frozen) == (False, True)
    assert before.count == unsaved.count == after.count == message.audience_size == 4
    assert before.units == unsaved.units == after.units
    assert [(one.name, one.count) for one in before.units] == [("机电2401班", 3)]
    assert before.without_unit == after.without_unit == 1


def test_the_same_people_by_rules_alone(bell: Bell) -> None:
    made = College()
    students = Rule(unit=made.college, kind="student", cohort=2024)
    parents = Rule(unit=made.college, kind="student", cohort=2024, state="active", minors=True, reach="guardians")
    rules = (students, parents, Rule(unit=made.college, state="internship", effect=EXCLUDE))
    message = messaging.publish(a_message(made.author, made.office, rules=rules), by=made.author)
    bell.answer(jobs.FAN_OUT)
    assert frozen(message) == MEANT


def test_what_is_said_of_a_channel_is_what_fan_out_writes(bell: Bell) -> None:
    made = College()
    addresses = dict(ContactPoint.objects.filter(kind="email").values_list("person__name", "value"))
    opted_out = [("child", "opted_out"), ("grown up", "opted_out"), ("grown up", "dead_address")]
    for name, reason in opted_out:
        Suppression.objects.create(kind="email", value=addresses[name], reason=reason)
    # Of several addresses the oldest counts.
    child = Person.objects.get(name="child")
    ContactPoint.objects.create(person=child, kind="email", value="child.again@stu.school.example")
    Suppression.objects.create(kind="mobile", value="+8619900000001", reason="dead_address")
    channels = ("inbox", "email", "sms", "push")
    message = a_message(made.author, made.office, rules=made.rules(), channels=channels)
    said = {one.key: one for one in preview.of_message(message).channels}
    messaging.publish(message, by=made.author)
    bell.answer(jobs.FAN_OUT)
    assert (said["inbox"].reachable, said["inbox"].unreachable) == (4, ())
    for key in ("email", "sms", "push"):
        rows = Delivery.objects.filter(message_channel__channel__key=key).values_list("status", "reason")
        written = Counter(rows)
        assert said[key].reachable == written.pop(("queued", ""), 0)
        assert {("suppressed", one.reason): one.count for one in said[key].unreachable} == written
    assert {one.reason: one.count for one in said["email"].unreachable} == {
        "no_address": 1,
        "opted_out": 1,
        "dead_address": 1,
    }
    message.refresh_from_db()
    # Frozen, it says what was written, whatever becomes of lists and addresses.
    Suppression.objects.all().delete()
    ContactPoint.objects.all().delete()
    assert {one.key: counts(one) for one in preview.of_message(message).channels} == {
        key: counts(one) for key, one in said.items()
    }


def counts(channel: preview.ChannelReach) -> tuple[int, dict[str, int]]:
    return channel.reachable, {one.reason: one.count for one in channel.unreachable}


def test_a_segment_that_has_lost_all_its_people_ends_in_an_audience_of_nobody(bell: Bell) -> None:
    """Whoever is deleted takes the rules that name him along."""
    made = College()
    person = a_person(made.class_2024)
    plan = segments.Draft(name="one", unit=made.office, rules=(Rule(person=person),))
    segment = segments.create(plan, by=made.author)
    message = messaging.publish(a_message(made.author, made.office, rules=(Rule(segment=segment),)), by=made.author)
    person.delete()
    bell.answer(jobs.FAN_OUT)
    message.refresh_from_db()
    assert (message.status, message.audience_size) == ("published", 0)
    assert preview.of_message(message).count == 0
