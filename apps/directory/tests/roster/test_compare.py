"""The diff: what a roster would do, line by line, before anything is written."""

import gc
import weakref

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.directory.models import ContactPoint, Membership, OrgUnit, Person, Relation
from apps.directory.roster import planning, reading, units
from apps.directory.tests.factories import a_class, a_guardian, a_person
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, compared, done, lines, text, workbook

pytestmark = pytest.mark.django_db
ZHANG = ("1001", "张伟", "软件2401", "19900000101", "zhang@stu.school.example", "张父", "19900000201")


def test_nothing_is_written_by_comparing(school: School) -> None:
    a_person(school.room, number="1002", name="王芳")
    roster = compared(text(HEADER, ZHANG), school.school, create_units=True)
    assert roster.state == "ready"
    assert done(roster) == {"new": 1, "left": 1}
    assert list(Person.objects.values_list("number", "state")) == [("1002", "active")]
    assert not Relation.objects.exists()


def test_a_new_person_is_shown_with_masked_addresses(school: School) -> None:
    (line,) = lines(compared(text(HEADER, ZHANG), school.school))
    assert (line.kind, line.line, line.number, line.name) == ("new", 2, "1001", "张伟")
    assert line.values["mobile"] == ["", "199****0101"]
    assert line.values["email"] == ["", "z***@stu.school.example"]
    assert line.values["unit"] == ["", "信息学院 / 软件2401"]
    assert line.values["guardians"] == ["", "张父 199****0201"]
    assert "19900000101" not in str(line.values) + line.reason


def test_changed_moved_and_returned_tell_before_and_after(school: School) -> None:
    a_person(school.room, number="1001", name="张伟")
    a_person(school.room, number="1002", name="王芳")
    a_person(school.room, number="1003", name="李娜")
    Person.objects.filter(number="1003").update(state=Person.State.LEFT)
    rows = [("1001", "张大伟", "软件2401"), ("1002", "王芳", "软件2402"), ("1003", "李娜", "软件2401")]
    changed, moved, returned = lines(compared(text(HEADER[:3], *rows), school.school))
    assert (changed.kind, changed.values) == ("changed", {"name": ["张伟", "张大伟"]})
    assert (moved.kind, moved.values) == ("moved", {"unit": ["信息学院 / 软件2401", "信息学院 / 软件2402"]})
    assert (returned.kind, returned.values) == ("returned", {"state": ["left", "active"]})


def test_whoever_is_missing_has_left_but_only_of_the_kind_and_the_unit_of_the_roster(school: School) -> None:
    for number, unit in (("1001", school.room), ("1002", school.room), ("2001", school.foreign)):
        a_person(unit, number=number, name=number)
    a_person(school.room, number="T1", kind=Person.Kind.STAFF)
    a_guardian(a_person(school.room, number="1003"))
    content = text(HEADER[:3], ("1001", "1001", "软件2401"))
    assert [line.number for line in lines(compared(content, school.college), "left")] == ["1002", "1003"]
    assert [line.number for line in lines(compared(content, school.school), "left")] == ["1002", "2001", "1003"]
    assert lines(compared(content, school.school, complete=False), "left") == []


def test_it_asks_when_more_than_five_percent_would_leave(school: School) -> None:
    for number in range(40):
        a_person(school.room, number=f"{number:04}", name=f"{number:04}")
    rows = [(f"{number:04}", f"{number:04}", "软件2401") for number in range(40)]
    assert not compared(text(HEADER[:3], *rows[:38]), school.school).asks
    roster = compared(text(HEADER[:3], *rows[:37]), school.school)
    assert (roster.asks, roster.leave, roster.counts["covered"]) == (True, 3, 40)


@pytest.mark.parametrize(
    "row",
    [
        ("", "张伟", "软件2401"),
        ("2.02E+11", "张伟", "软件2401"),
        ("1001", "", "软件2401"),
        ("1001", "张伟", "没有的班"),
        ("1001", "张伟", ""),
        ("1001", "张伟", "软件2401", "x"),
        ("1001", "张伟", "示例学校"),
    ],
    ids=["no number", "no such number", "no name", "no such class", "no class", "too long", "no class either"],
)
def test_a_row_that_cannot_be_used_is_listed_with_its_line_and_reason(row: tuple, school: School) -> None:
    other = ("1002", "王芳", "软件2401")
    roster = compared(text(HEADER[:3], other, row, end="\n"), school.school)
    (line,) = lines(roster, "unreadable")
    assert (line.line, bool(line.reason)) == (3, True)
    assert done(roster) == {"new": 1}


def test_input_29_a_number_that_stands_there_twice_is_read_once(school: School) -> None:
    roster = compared(text(HEADER[:3], ("１００１", "张伟", "软件2401"), (" 1001", "张伟", "软件2402")), school.school)
    assert done(roster) == {"new": 1}
    (line,) = lines(roster, "unreadable")
    assert (line.line, "2" in line.reason) == (3, True)


def test_whoever_stands_in_a_row_that_cannot_be_used_has_not_left(school: School) -> None:
    a_person(school.room, number="1001", name="张伟")
    a_person(school.room, number="1002", name="王芳")
    a_person(school.room, number="1003", name="李娜")
    rows = [("1001", "", "软件2401"), ("2.02E+11", "王芳", "软件2401"), ("1009", "赵敏", "软件2401")]
    assert [line.number for line in lines(compared(text(HEADER[:3], *rows), school.school), "left")] == ["1003"]


def test_input_27_and_30_the_row_goes_on_without_an_address_that_is_none(school: School) -> None:
    roster = compared(text(HEADER, ("1001", "张伟", "软件2401", "12345", "a@@b", "张父", "1990000020x")), school.school)
    assert done(roster) == {"new": 1}
    assert [(line.column, line.line, bool(line.reason)) for line in lines(roster, "ignored")] == [
        ("email", 2, True),
        ("mobile", 2, True),
        ("guardian_mobile", 2, True),
    ]
    assert "1990000020x" not in str([line.reason for line in lines(roster)])


def test_units_are_found_by_code_path_and_name_within_the_college(school: School) -> None:
    OrgUnit.objects.filter(pk=school.second.pk).update(code="2402")
    twin = a_class(school.other, "软件2401")
    header = ("学号", "姓名", "学院", "班级", "班级代码", "班级路径")
    rows = [
        ("1", "一", "信息学院", "软件2401", "", ""),
        ("2", "二", "机电学院", "软件２４０１", "", ""),
        ("3", "三", "", "", "2402", ""),
        ("4", "四", "", "", "", "示例学校/机电学院/数控2401"),
        ("5", "五", "", "", "", "机电学院 > 数控2401"),
        ("6", "六", "", "软件2401", "", ""),
        ("7", "七", "", "", "9999", ""),
    ]
    roster = compared(text(header, *rows), school.school)
    found = {line.number: line.act["join"] for line in lines(roster, "new")}
    assert found == {
        "1": [school.room.pk],
        "2": [twin.pk],
        "3": [school.second.pk],
        "4": [school.foreign.pk],
        "5": [school.foreign.pk],
    }
    assert [line.number for line in lines(roster, "unreadable")] == ["6", "7"]


def test_unknown_classes_are_made_only_if_that_is_said(school: School) -> None:
    header = ("学号", "姓名", "学院", "专业", "班级")
    rows = [("1", "一", "信息学院", "软件技术", "软件2501"), ("2", "二", "信息 学院", "软件技术", "软件２５０１")]
    assert len(lines(compared(text(header, *rows), school.school), "unreadable")) == 2
    roster = compared(text(header, *rows), school.school, create_units=True)
    assert [line.name for line in lines(roster, "unit")] == ["信息学院 / 软件技术 / 软件2501"]
    assert done(roster) == {"unit": 1, "new": 2}


def test_a_row_of_a_foreign_class_or_person_is_not_used(school: School) -> None:
    a_person(school.foreign, number="2001", name="赵敏")
    rows = [("1001", "张伟", "数控2401"), ("2001", "赵敏", "软件2401"), ("1002", "王芳", "软件2401")]
    roster = compared(text(HEADER[:3], *rows), school.college, create_units=True)
    assert [line.number for line in lines(roster, "unreadable")] == ["1001", "2001"]
    assert "信息学院" in lines(roster, "unreadable")[0].reason
    assert done(roster) == {"new": 1}


def test_no_class_is_made_in_a_college_that_lies_elsewhere(school: School) -> None:
    header = ("学号", "姓名", "学院", "班级")
    roster = compared(text(header, ("1", "一", "机电学院", "数控2501")), school.college, create_units=True)
    assert done(roster) == {}
    assert "机电学院" in lines(roster, "unreadable")[0].reason


def test_a_number_of_the_staff_is_not_taken_for_a_student_s(school: School) -> None:
    a_person(school.office, number="1001", name="陈静", kind=Person.Kind.STAFF)
    assert len(lines(compared(text(HEADER, ZHANG), school.school), "unreadable")) == 1


def test_a_staff_roster_names_departments_and_keeps_a_second_hat(school: School) -> None:
    one, two = (a_person(school.office, number=number, name=number, kind=Person.Kind.STAFF) for number in ("T1", "T2"))
    Membership.objects.create(person=two, unit=school.college)
    rows = [("T1", "T1", "信息学院"), ("T2", "T2", "机电学院"), ("T3", "T3", "教务处")]
    roster = compared(text(("工号", "姓名", "部门"), *rows), school.school)
    moved, added, new = lines(roster)
    assert moved.values["unit"] == ["教务处", "信息学院"]
    assert (added.kind, added.values["unit"]) == ("moved", ["", "机电学院"])
    assert (new.kind, new.act["set"]["kind"]) == ("new", "staff")
    assert one.memberships.count() == 1


def test_a_row_that_names_only_the_college_moves_nobody_out_of_his_class(school: School) -> None:
    a_person(school.room, number="1001", name="张伟")
    header = ("学号", "姓名", "学院", "班级")
    assert done(compared(text(header, ("1001", "张伟", "信息学院", "")), school.school)) == {}
    assert done(compared(text(header, ("1001", "张伟", "机电学院", "")), school.school)) == {"moved": 1}


def test_a_sheet_that_is_no_roster_is_named(school: School) -> None:
    content = workbook(HEADER, ZHANG, 说明=[("填表说明",)])
    (line,) = lines(compared(content, school.school), "unreadable")
    assert (line.sheet, bool(line.reason)) == ("说明", True)


def test_a_file_without_the_columns_has_failed_and_can_be_corrected(school: School) -> None:
    roster = compared(text(("证号", "姓名", "班级"), ("1001", "张伟", "软件2401")), school.school)
    assert (roster.state, "学号" in roster.error) == ("failed", True)
    assert roster.columns == [
        {"title": "证号", "field": ""},
        {"title": "姓名", "field": "name"},
        {"title": "班级", "field": "class_name"},
    ]


@pytest.mark.parametrize("people", [10, 60])
def test_comparing_costs_the_same_for_many_people(
    people: int, school: School, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(people):
        a_person(school.room, number=f"{number:04}", name="x", mobile=f"+861990000{number:04}")
    rows = [(f"{number:04}", "张伟", "软件2401", "19900000101", "", "张父", "19900000201") for number in range(people)]
    with django_assert_max_num_queries(40):
        compared(text(HEADER, *rows), school.school)


def test_no_run_is_held_in_memory_after_it_was_handed_over(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "RUN", 10)
    rows = [(f"{number}", f"{number}", f"没有的班{number % 7}") for number in range(100)]
    alive: list[weakref.ref] = []
    plan = planning.Plan(units.load(school.school.pk), create_units=True)
    with reading.opened(text(HEADER[:3], *rows), {}) as sheets:
        for changes in plan.changes(sheets, complete=True):
            alive += [weakref.ref(change) for change in changes if change.kind == "new"]
    changes = []
    gc.collect()
    assert len(alive) == 100
    assert [one for one in alive if one()] == []


def test_the_diff_is_the_same_however_long_a_run_is(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    a_guardian(a_person(school.room, number="1001", name="张伟"), name="张父", mobile="+8619900000299")
    ContactPoint.objects.update(source=ContactPoint.Source.ROSTER)
    rows = [ZHANG, ("1002", "张丽", "软件2401", "", "", "张父", "19900000201"), ("1003", "王芳", "软件2402")]

    def diff() -> list[tuple]:
        return [(one.kind, one.line, one.values) for one in lines(compared(text(HEADER, *rows), school.school))]

    whole = diff()
    monkeypatch.setattr(planning, "RUN", 1)
    assert diff() == whole
