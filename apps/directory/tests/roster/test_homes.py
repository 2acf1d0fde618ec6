"""Where people belong: what a row adds, what it takes away, and who has left if he is in no row."""

import pytest

from apps.directory.models import Membership, OrgUnit, Person
from apps.directory.roster import services
from apps.directory.tests.factories import a_person, a_unit
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, applied, compared, done, lines, text, workbook

pytestmark = pytest.mark.django_db
STAFF = Person.Kind.STAFF


def units(number: str) -> set[str]:
    return set(OrgUnit.objects.filter(people__number=number).values_list("name", flat=True))


def state(number: str) -> str:
    return Person.objects.get(number=number).state


def belongs(person: Person, *more: OrgUnit) -> Person:
    for unit in more:
        Membership.objects.create(person=person, unit=unit)
    return person


@pytest.fixture
def dormitory(school: School) -> OrgUnit:
    unit = a_unit("一号楼", kind=OrgUnit.Kind.DORMITORY, parent=school.school)
    OrgUnit.objects.filter(pk=unit.pk).update(code="D1")
    return unit


# --- who is in no row -------------------------------------------------------------------------------------------------
def test_who_is_missing_here_and_at_home_elsewhere_has_not_left(school: School) -> None:
    """One of the staff of two colleges, and a student who is in a class of another college already."""
    belongs(a_person(school.college, number="T1", name="陈静", kind=STAFF), school.other)
    belongs(a_person(school.room, number="1001", name="张伟"), school.foreign)
    header = ("学工号", "姓名", "类别", "学院", "班级")
    rows = [("T2", "周勇", "教师", "信息学院", ""), ("1002", "王芳", "学生", "", "软件2401")]
    roster = applied(text(header, *rows), school.college)
    assert done(roster) == {"new": 2, "moved": 2}
    shown = {line.number: line.values for line in lines(roster, "moved")}
    assert shown == {"T1": {"unit": ["示例学校 / 信息学院", ""]}, "1001": {"unit": ["软件2401", ""]}}
    assert (state("T1"), units("T1")) == ("active", {"机电学院"})
    assert (state("1001"), units("1001")) == ("active", {"数控2401"})
    assert done(applied(text(header, *rows), school.college)) == {}


def test_who_is_missing_and_has_but_a_bed_elsewhere_has_left(school: School, dormitory: OrgUnit) -> None:
    belongs(a_person(school.room, number="1001"), dormitory, school.office)
    belongs(a_person(school.college, number="T1", kind=STAFF), dormitory)
    header = ("学工号", "姓名", "类别", "学院", "班级")
    rows = [("T2", "周勇", "教师", "信息学院", ""), ("1002", "王芳", "学生", "", "软件2401")]
    applied(text(header, *rows), school.college)
    assert (state("1001"), state("T1")) == ("left", "left")
    assert units("1001") == {"软件2401", "一号楼", "教务处"}


def test_who_only_loses_his_class_counts_as_one_who_leaves(school: School) -> None:
    belongs(a_person(school.room, number="1001"), school.foreign)
    roster = compared(text(HEADER[:3], ("1002", "王芳", "软件2401")), school.college)
    assert (roster.leave, roster.counts["covered"], roster.asks) == (1, 1, True)


# --- five percent of each kind ----------------------------------------------------------------------------------------
def test_it_asks_when_too_many_of_one_kind_would_leave_however_many_there_are_of_the_other(school: School) -> None:
    header = ("学工号", "姓名", "类别", "部门", "班级")
    students = [(f"{number:04}", "张伟", "学生", "", "软件2401") for number in range(100)]
    for row in students:
        a_person(school.room, number=row[0], name=row[1])
    for number in range(4):
        a_person(school.office, number=f"T{number}", name="陈静", kind=STAFF)
    staff = [(f"T{number}", "陈静", "教师", "教务处", "") for number in range(3)]
    roster = compared(text(header, *students, *staff), school.school)
    assert (roster.leave, roster.counts["covered"], roster.asks) == (1, 104, True)
    assert not compared(text(header, *students[:97], *staff, ("T3", "陈静", "", "", "")), school.school).asks


def test_whom_the_file_says_has_left_counts_for_his_kind(school: School) -> None:
    for number in range(30):
        a_person(school.room, number=f"{number:04}", name="张伟")
    rows = [(f"{number:04}", "张伟", "毕业" if number < 2 else "在读") for number in range(30)]
    roster = compared(text(("学号", "姓名", "状态"), *rows), school.school, complete=False)
    assert (roster.leave, roster.counts["covered"], roster.asks) == (2, 30, True)


# --- a sheet that was not read ----------------------------------------------------------------------------------------
def test_it_asks_for_a_single_one_when_a_sheet_was_not_read(school: School) -> None:
    rows = [(f"{number:04}", "张伟", "软件2401") for number in range(40)]
    for row in rows:
        a_person(school.room, number=row[0], name=row[1])
    other = {"二班": [("证号", "名", "班"), ("0039", "张伟", "软件2401")]}
    roster = compared(workbook(HEADER[:3], *rows[:39], **other), school.school)
    assert (roster.leave, roster.asks) == (1, True)
    with pytest.raises(services.ManyLeave, match="工作表"):
        services.apply(roster, by=None, ring=False)
    assert not compared(workbook(HEADER[:3], *rows, **other), school.school).asks
    assert not compared(workbook(HEADER[:3], *rows[:39]), school.school).asks


# --- what a row adds and takes away -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "home", "cells", "after"),
    [
        ("student", "软件2401", ("", "教务处", "", ""), {"软件2401", "教务处"}),
        ("student", "软件2401", ("", "", "D1", ""), {"软件2401", "一号楼"}),
        ("student", "教务处", ("", "", "", "软件2401"), {"教务处", "软件2401"}),
        ("student", "一号楼", ("", "", "", "软件2401"), {"一号楼", "软件2401"}),
        ("student", "软件2402", ("", "", "", "软件2401"), {"软件2401"}),
        ("staff", "教务处", ("", "", "D1", ""), {"教务处", "一号楼"}),
        ("staff", "一号楼", ("", "教务处", "", ""), {"教务处", "一号楼"}),
        ("staff", "教务处", ("信息学院", "", "", ""), {"信息学院"}),
    ],
)
def test_a_row_takes_a_home_away_only_if_it_names_another(
    kind: str, home: str, cells: tuple[str, ...], after: set[str], school: School, dormitory: OrgUnit
) -> None:
    a_person(OrgUnit.objects.get(name=home), number="1", name="张伟", kind=kind)
    content = text(("学工号", "姓名", "学院", "部门", "部门代码", "班级"), ("1", "张伟", *cells))
    applied(content, school.school)
    assert units("1") == after
    assert done(applied(content, school.school)) == {}
