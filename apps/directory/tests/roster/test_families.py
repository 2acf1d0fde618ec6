"""Guardians in the directory: who must not hear of a child, of whom only the number is known, who is a teacher too."""

import pytest

from apps.directory.models import Person, Relation
from apps.directory.roster import applying, planning
from apps.directory.tests.factories import a_guardian, a_person
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, addresses, applied, done, lines, text

pytestmark = pytest.mark.django_db
BOTH = (*HEADER, "母亲姓名", "母亲电话")
FATHER, OTHER = "+8619900000201", "+8619900000202"


def a_row(number: str, *guardians: str) -> tuple[str, ...]:
    return (number, "张伟", "软件2401", "", "", *guardians)


def guardians_of(child: Person) -> set[tuple[str, bool]]:
    return set(child.related.values_list("person__name", "no_contact"))


# --- no contact -------------------------------------------------------------------------------------------------------
@pytest.fixture
def child(school: School) -> Person:
    """His father must not hear of him."""
    child = a_person(school.room, number="1001", name="张伟")
    a_guardian(child, name="Wei Zhang", mobile=FATHER)
    Relation.objects.update(no_contact=True)
    return child


@pytest.mark.parametrize("name", ["wei zhang", "Ｗｅｉ　Ｚｈａｎｇ", "WeiZhang"])
@pytest.mark.parametrize("mobile", ["", "19900000202"])
def test_no_other_of_the_name_of_who_must_not_hear_of_a_child_is_added(
    name: str, mobile: str, child: Person, school: School
) -> None:
    content = text(HEADER, a_row("1001", name, mobile), a_row("1002", "王叔", "19900000209"))
    roster = applied(content, school.school)
    assert guardians_of(child) == {("Wei Zhang", True)}
    (line,) = lines(roster, "ignored")
    assert (line.number, line.column, name.split()[0] in line.reason) == ("1001", "guardian_name", True)
    assert done(applied(content, school.school)) == {}


def test_nor_one_who_is_there_on_account_of_another_child(child: Person, school: School) -> None:
    sister = a_person(school.room, number="1002", name="张丽")
    a_guardian(sister, name="wei zhang", mobile=OTHER)
    roster = applied(text(HEADER, a_row("1001", "wei zhang", "19900000202")), school.school, complete=False)
    assert guardians_of(child) == {("Wei Zhang", True)}
    assert len(lines(roster, "ignored")) == 1


def test_nor_is_anybody_else_of_the_child_given_that_name(child: Person, school: School) -> None:
    a_guardian(child, name="李母", mobile=OTHER)
    roster = applied(text(HEADER, a_row("1001", "wei zhang", "19900000202")), school.school)
    assert guardians_of(child) == {("Wei Zhang", True), ("李母", False)}
    assert len(lines(roster, "ignored")) == 1


def test_nor_a_second_one_in_one_row_and_he_keeps_his_name(child: Person, school: School) -> None:
    row = a_row("1001", "Wei Zhang", "19900000201", "Wei Zhang", "19900000202")
    assert len(lines(applied(text(BOTH, row), school.school), "ignored")) == 1
    applied(text(BOTH, a_row("1001", "王叔", "19900000201", "", "")), school.school)
    assert guardians_of(child) == {("Wei Zhang", True)}


def test_nor_anybody_at_his_number(child: Person, school: School) -> None:
    roster = applied(text(HEADER, a_row("1001", "李母", "19900000201")), school.school)
    assert guardians_of(child) == {("Wei Zhang", True)}
    (line,) = lines(roster, "ignored")
    assert FATHER[3:] not in line.reason


def test_nor_after_the_row_of_a_sister_has_spelled_him_otherwise(child: Person, school: School) -> None:
    """In one file, and by the one after it."""
    father = Person.objects.get(kind="guardian")
    sister = a_person(school.room, number="1000", name="张丽")
    Relation.objects.create(person=father, of=sister)
    father.contact_points.update(source="roster")
    for mobile in ("19900000201", "19900000203"):
        rows = [a_row("1000", "Wei Zhang", mobile), a_row("1001", "wei zhang", "19900000202")]
        assert len(lines(applied(text(HEADER, *rows), school.school), "ignored")) == 1
    for _ in range(2):
        rows = [a_row("1000", "张父", "19900000203"), a_row("1001", "wei zhang", "19900000202")]
        assert len(lines(applied(text(HEADER, *rows), school.school), "ignored")) == 1
    assert guardians_of(child) == {("Wei Zhang", True)}


def test_he_himself_is_known_and_another_child_may_have_him(child: Person, school: School) -> None:
    rows = [a_row("1001", "Wei Zhang", "19900000201"), a_row("1002", "Wei Zhang", "19900000201")]
    roster = applied(text(HEADER, *rows), school.school)
    assert lines(roster, "ignored") == []
    assert set(Relation.objects.values_list("of__number", "no_contact")) == {("1001", True), ("1002", False)}


# --- only a number ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("run", [1, 2_000])
def test_brothers_whose_guardian_is_only_a_number_share_him(
    run: int, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "RUN", run)
    monkeypatch.setattr(applying, "RUN", run)
    rows = [("1001", "张伟", "软件2401"), ("1002", "张强", "软件2402"), ("1003", "张丽", "软件2402")]
    whole = [(*row, "", "", "", "19900000201") for row in rows]
    applied(text(HEADER, *whole[:2]), school.school)
    guardian = Person.objects.get(kind="guardian")
    assert (guardian.relations.count(), addresses(guardian)) == (2, [("mobile", FATHER, "roster")])
    applied(text(HEADER, *whole), school.school)
    assert guardian.relations.count() == 3
    assert done(applied(text(HEADER, *whole), school.school)) == {}
    applied(text(HEADER, *[(*row[:5], "张父", row[6]) for row in whole]), school.school)
    assert list(Person.objects.filter(kind="guardian").values_list("name", flat=True)) == ["张父"]


def test_one_with_a_name_is_not_taken_for_one_without(school: School) -> None:
    """Father and mother may have one telephone: whose it is here nobody knows."""
    rows = [a_row("1001", "张父", "19900000201"), a_row("1002", "", "19900000201")]
    applied(text(HEADER, *rows), school.school)
    assert Person.objects.filter(kind="guardian").count() == 2
    assert done(applied(text(HEADER, *rows), school.school)) == {}


# --- a teacher who is a parent ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "mobile"), [("陈静", "19900000202"), ("陈大静", "19900000201")])
def test_the_roster_of_a_child_changes_nothing_of_a_teacher(name: str, mobile: str, school: School) -> None:
    child = a_person(school.room, number="1001", name="张伟")
    teacher = a_person(school.office, number="T1", name="陈静", kind=Person.Kind.STAFF, mobile=FATHER)
    teacher.contact_points.update(source="roster")
    Relation.objects.create(person=teacher, of=child)
    roster = applied(text(HEADER, a_row("1001", name, mobile)), school.school)
    assert done(roster) == {}
    teacher.refresh_from_db()
    assert (teacher.name, addresses(teacher)) == ("陈静", [("mobile", FATHER, "roster")])
    assert guardians_of(child) == {("陈静", False)}
