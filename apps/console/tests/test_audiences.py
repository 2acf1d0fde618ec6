"""The audience in the form and on the page that asks before publishing."""

import pytest

from apps.console.tests.conftest import School
from apps.console.tests.test_compose import a_form
from apps.delivery.models import Suppression
from apps.directory.models import Person, Segment
from apps.directory.tests import factories as directory
from apps.messaging import drafts, segments
from apps.messaging.drafts import Rule
from apps.messaging.models import Message
from apps.messaging.tests import factories as messages

pytestmark = pytest.mark.django_db


@pytest.fixture
def segment(school: School) -> Segment:
    plan = segments.Draft(name="2024级在校生", unit=school.academic.unit, rules=(Rule(unit=school.classes[0]),))
    return segments.create(plan, by=school.academic.author)


@pytest.fixture
def grown(school: School) -> Person:
    """Somebody all the narrowing leaves."""
    person = directory.a_person(school.classes[0])
    Person.objects.filter(pk=person.pk).update(cohort=2024, born_on="2015-09-01")
    return person


def test_cohort_state_and_minors_narrow_the_units(school: School, grown: Person) -> None:
    narrowed = {"cohort": "2024", "state": "active", "minors": "on"}
    page = school.academic.page
    page.post("/console/new", a_form(school, **narrowed, without=[school.classes[1].pk]))
    message = Message.objects.get()
    narrowed = {"kind": "student", "cohort": 2024, "state": "active", "minors": True}
    assert drafts.rules_of(message) == (
        Rule(unit=school.classes[0], **narrowed),
        Rule(unit=school.classes[1], effect="exclude", **narrowed),
    )
    form = page.get(f"/console/{message.pk}/change").context["form"]
    shown = {name: form[name].value() for name in (*narrowed, "units", "without")}
    assert shown == narrowed | {"units": [school.classes[0].pk], "without": [school.classes[1].pk]}
    page.post(f"/console/{message.pk}/change", a_form(school, cohort="", state="", minors=""))
    assert drafts.rules_of(message) == (Rule(unit=school.classes[0], kind="student"),)


@pytest.mark.parametrize(("field", "value"), [("cohort", "24"), ("cohort", "x"), ("state", "left")])
def test_what_is_refused_is_said_at_its_field(school: School, field: str, value: str) -> None:
    answer = school.academic.page.post("/console/new", a_form(school, **{field: value}))
    assert list(answer.context["form"].errors) == [field]


def test_a_segment_is_chosen_and_stays_chosen(school: School, segment: Segment) -> None:
    page = school.academic.page
    page.post("/console/new", a_form(school, units=[], segments=[segment.pk]))
    message = Message.objects.get()
    assert drafts.rules_of(message) == (Rule(segment=segment),)
    form = page.get(f"/console/{message.pk}/change").context["form"]
    assert form["segments"].value() == [segment.pk]
    assert "2024级在校生" in page.get(f"/console/{message.pk}").content.decode()


def test_a_foreign_segment_is_neither_offered_nor_accepted(school: School, segment: Segment) -> None:
    page = school.logistics.page
    assert "2024级在校生" not in page.get("/console/new").content.decode()
    answer = page.post("/console/new", a_form(school, unit=school.logistics.unit.pk, segments=[segment.pk]))
    assert list(answer.context["form"].errors) == ["segments"]


@pytest.mark.parametrize("asked", [{"cohort": 2024}, {"reach": "both"}, {"effect": "exclude"}])
def test_a_segment_that_is_used_otherwise_stays_as_it_is(
    school: School, segment: Segment, grown: Person, asked: dict[str, object]
) -> None:
    rules = (Rule(unit=school.classes[1]), Rule(segment=segment, **asked))
    message = messages.a_message(school.academic.author, school.academic.unit, rules=rules)
    assert school.academic.page.get(f"/console/{message.pk}/change").context["form"].keeps_audience
    school.academic.page.post(f"/console/{message.pk}/change", a_form(school, title="改过的"))
    assert drafts.rules_of(message) == rules


def test_before_publishing_it_says_whom_it_reaches_and_whom_not(school: School) -> None:
    room = school.classes[0]
    directory.a_person(room, name="示例甲", email="jia@stu.school.example")
    directory.a_person(room, name="示例乙", email="yi@stu.school.example")
    Suppression.objects.create(kind="email", value="yi@stu.school.example", reason="opted_out")
    message = messages.a_message(
        school.academic.author, school.academic.unit, to=room, channels=("inbox", "email"), title="停水"
    )
    page = school.academic.page
    text = page.get(f"/console/{message.pk}/publish").content.decode()
    assert "将发送给 <strong>4</strong> 人" in text
    assert "4 / 4" in text
    assert "1 / 4" in text
    assert all(words in text for words in ("接收人已退订此地址", "此人没有该渠道的联系方式", "示例甲", room.name))
    assert "@stu.school.example" not in text
    page.cookies["django_language"] = "en"
    text = page.get(f"/console/{message.pk}/publish").content.decode()
    assert "Whom it reaches" in text
    assert "The person has no address for this channel." in text
