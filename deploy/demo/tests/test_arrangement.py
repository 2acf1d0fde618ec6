"""People are made once, and a message is written once, however often a trial is started."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from apps.accounts.models import RoleAssignment, User
from apps.delivery.models import Suppression
from apps.directory.models import ContactPoint, Membership, OrgUnit, Person, Relation
from apps.messaging.models import Message
from apps.messaging.states import Status
from deploy.demo import arrangement, exams, roster, school, season
from deploy.demo.place import Place
from deploy.demo.tests.test_exams import made_up

pytestmark = pytest.mark.django_db
TABLES = (OrgUnit, Person, Membership, ContactPoint, Relation, Suppression, User, RoleAssignment)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def settle(made: school.School, place: Place) -> None:
    roster.save(made)
    for login in made.logins:
        roster.save_login(login, place)


def sizes() -> list[int]:
    return [table.objects.count() for table in TABLES]


def test_a_school_is_saved_whole_and_only_once(place: Place) -> None:
    made = school.make(80)
    settle(made, place)
    before = sizes()
    assert Person.objects.count() == len(made.humans)
    assert ContactPoint.objects.count() == sum(len(human.contacts) for human in made.humans)
    assert Relation.objects.filter(kind=Relation.Kind.GUARDIAN).count() == sum(bool(one.guards) for one in made.humans)
    settle(school.make(80, numbers_given=roster.mobiles_given()), place)
    assert sizes() == before


def test_two_timetables_share_the_students_of_the_same_classes() -> None:
    plan = exams.plan(made_up())
    assert roster.save(school.of_plan(plan)) == len(plan.candidates)
    assert roster.save(school.of_plan(plan, numbers_given=roster.mobiles_given())) == 0


def test_a_person_has_one_unit_below_the_school_he_is_in() -> None:
    plan = exams.plan(made_up())
    roster.save(school.of_plan(plan))
    student = Person.objects.get(number=plan.candidates[0].number)
    above = [unit.name for unit in student.units.get().ancestors(include_self=True)]
    assert above == [school.SCHOOL, "计算机学院", "软件", "B1"]


def test_logins_are_shown_again_until_their_owner_changes_the_password(place: Place) -> None:
    settle(school.make(40), place)
    password = roster.password_of("author", place)
    author = User.objects.get(username="author")
    assert author.check_password(password)
    settle(school.make(40), place)
    assert roster.password_of("author", place) == password
    author.set_password("my own")
    author.save()
    assert roster.password_of("author", place) == ""


def of_the_school(students: int, place: Place) -> arrangement.Arrangement:
    made = school.make(students)
    settle(made, place)
    zone = ZoneInfo("Asia/Shanghai")
    return arrangement.of_school(season.candidates(made, today=date.today(), zone=zone))  # noqa: DTZ011


def test_an_arrangement_is_written_with_every_student_s_own_values(place: Place) -> None:
    message = arrangement.write(of_the_school(80, place), arrangement.DEMO, place)
    rows = list(message.audience_rows.all())
    assert len(rows) == 80
    assert all(row.values.keys() == {"course", "time", "room", "seat"} for row in rows)
    assert {channel.key for channel in message.channels.all()} == set(arrangement.CHANNELS)
    assert message.expires_at


def test_publishing_again_does_nothing(place: Place) -> None:
    message = arrangement.write(of_the_school(40, place), arrangement.DEMO, place)
    arrangement.publish(message)
    assert message.status == Status.PUBLISHING
    arrangement.publish(message)
    assert Message.objects.get().status == Status.PUBLISHING


def test_where_an_approver_is_asked_for_he_publishes(place: Place) -> None:
    message = arrangement.write(of_the_school(40, place), arrangement.DEMO, place)
    message.type.approval_needed = True
    message.type.save()
    arrangement.publish(message)
    assert message.status == Status.PUBLISHING


def test_each_timetable_is_remembered_and_a_plain_start_takes_the_latest(place: Place) -> None:
    assert arrangement.published_before(None, place) is None
    demo = arrangement.write(of_the_school(40, place), arrangement.DEMO, place)
    plan = exams.plan(made_up())
    roster.save(school.of_plan(plan, numbers_given=roster.mobiles_given()))
    other = arrangement.write(arrangement.of_plan(plan), "another", place)
    assert arrangement.published_before(None, place) == other
    assert arrangement.published_before(arrangement.DEMO, place) == demo
    assert arrangement.published_before("a third", place) is None


def test_the_student_who_is_shown_gets_it_on_every_channel(place: Place) -> None:
    message = arrangement.write(of_the_school(80, place), arrangement.DEMO, place)
    contacts = ContactPoint.objects.filter(person__number=arrangement.student_of(message))
    assert {"email", "mobile"} <= {contact.kind for contact in contacts}
    assert not any(contact.value.startswith("dead.") or contact.value.endswith("0199") for contact in contacts)
