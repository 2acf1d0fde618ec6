"""Applying: exactly what was shown, in one transaction, and nothing the second time."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from apps.audit.models import Entry
from apps.delivery.models import Suppression
from apps.directory.models import Adviser, ContactPoint, Membership, OrgUnit, Person, Relation, RosterPart
from apps.directory.roster import applying, planning, services, work
from apps.directory.tests.factories import a_guardian, a_person, a_school, a_unit
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, addresses, applied, compared, done, lines, text

pytestmark = pytest.mark.django_db
ZHANG = ("1001", "张伟", "软件2401", "19900000101", "Zhang@stu.school.example", "张父", "19900000201")
MOBILE, SECOND = "+8619900000101", "+8619900000102"
Source = ContactPoint.Source


def test_a_person_comes_with_class_addresses_and_guardian(school: School) -> None:
    header = (*HEADER, "年级", "出生日期", "状态")
    applied(text(header, (*ZHANG, "2024级", "2006/1/2", "实习")), school.school)
    person = Person.objects.get(number="1001")
    assert (person.name, person.kind, person.state, person.cohort) == ("张伟", "student", "internship", 2024)
    assert person.born_on.isoformat() == "2006-01-02"
    assert [unit.pk for unit in person.units.all()] == [school.room.pk]
    assert addresses(person) == [("email", "zhang@stu.school.example", "roster"), ("mobile", MOBILE, "roster")]
    guardian = person.related.get().person
    assert (guardian.name, guardian.kind, addresses(guardian)) == (
        "张父",
        "guardian",
        [("mobile", "+8619900000201", "roster")],
    )


def test_input_32_a_name_that_looks_like_a_formula_is_stored_as_it_is(school: School) -> None:
    applied(text(HEADER[:3], ("1001", "=cmd|' /C calc'!A0", "软件2401")), school.school)
    assert Person.objects.get().name == "=cmd|' /C calc'!A0"


def test_applied_twice_the_second_changes_nothing(school: School) -> None:
    content = text((*HEADER, "班主任"), (*ZHANG, ""), ("1002", "王芳", "软件2402", "", "", "", "19900000202", ""))
    assert done(applied(content, school.school)) == {"new": 2}
    again = applied(content, school.school)
    assert (done(again), again.counts["unchanged"]) == ({}, 2)
    assert Person.objects.count() == 4


def test_a_move_changes_the_class_and_no_other_hat(school: School) -> None:
    person = a_person(school.room, number="1001", name="张伟")
    dormitory = a_unit("一号楼", kind=OrgUnit.Kind.DORMITORY, parent=school.school)
    Membership.objects.create(person=person, unit=dormitory)
    applied(text(HEADER[:3], ("1001", "张伟", "软件2402")), school.school)
    assert set(person.units.values_list("name", flat=True)) == {"一号楼", "软件2402"}


def test_an_empty_cell_takes_nothing_away(school: School) -> None:
    applied(text(HEADER, ZHANG), school.school)
    assert done(applied(text(HEADER, ("1001", "张伟", "", "", "", "", "")), school.school)) == {}


def test_who_left_by_a_roster_comes_back_by_the_next(school: School) -> None:
    applied(text(HEADER, ZHANG, ("1002", "王芳", "软件2401")), school.school)
    applied(text(HEADER, ("1002", "王芳", "软件2401")), school.school)
    person = Person.objects.get(number="1001")
    assert person.state == "left"
    assert [unit.pk for unit in person.units.all()] == [school.room.pk]
    assert done(applied(text(HEADER, ZHANG, ("1002", "王芳", "软件2401")), school.school)) == {"returned": 1}
    person.refresh_from_db()
    assert (person.state, person.related.count()) == ("active", 1)


def test_a_roster_says_who_has_left(school: School) -> None:
    a_person(school.room, number="1001", name="张伟")
    roster = applied(text(("学号", "姓名", "状态"), ("1001", "张伟", "毕业")), school.school, complete=False)
    assert done(roster) == {"left": 1}
    assert Person.objects.get().state == "left"


@pytest.mark.parametrize("source", [Source.OWNER, Source.STAFF])
def test_what_the_person_or_the_staff_has_entered_stays(source: str, school: School) -> None:
    person = a_person(school.room, number="1001", name="张伟", mobile=SECOND)
    ContactPoint.objects.update(source=source)
    applied(text(HEADER[:4], ZHANG[:4]), school.school)
    assert addresses(person) == [("mobile", SECOND, source), ("mobile", MOBILE, "roster")]
    assert done(applied(text(HEADER[:4], (*ZHANG[:3], "19900000102")), school.school)) == {"changed": 1}
    assert addresses(person) == [("mobile", SECOND, source)]


def test_a_roster_replaces_its_own_address_in_its_place_and_unverified(school: School) -> None:
    person = a_person(school.room, number="1001", name="张伟", mobile=SECOND)
    ContactPoint.objects.update(source=Source.ROSTER, verified_at="2026-01-01T00:00Z")
    before = ContactPoint.objects.get().pk
    applied(text(HEADER[:4], ZHANG[:4]), school.school)
    point = person.contact_points.get()
    assert (point.pk, point.value, point.verified_at) == (before, MOBILE, None)


def test_an_address_that_comes_anew_is_tried_again_and_an_opt_out_stays(school: School) -> None:
    for value in (MOBILE, SECOND, "+8619900000201"):
        Suppression.objects.create(kind="mobile", value=value, reason="dead_address")
        Suppression.objects.create(kind="mobile", value=value, reason="opted_out")
    applied(text(HEADER, ZHANG), school.school)
    assert set(Suppression.objects.filter(reason="dead_address").values_list("value", flat=True)) == {SECOND}
    assert Suppression.objects.filter(reason="opted_out").count() == 3


# --- guardians --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("run", [1, 2_000])
def test_brothers_and_sisters_share_a_guardian(run: int, school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "RUN", run)
    monkeypatch.setattr(applying, "RUN", run)
    sister = ("1002", "张丽", "软件2402", "", "", "张父", "19900000201")
    applied(text(HEADER, ZHANG, sister), school.school)
    guardian = Person.objects.get(kind="guardian")
    assert guardian.relations.count() == 2
    applied(text(HEADER, ("1003", "张强", *sister[2:])), school.school, complete=False)
    assert guardian.relations.count() == 3
    changed = [(*row[:6], "19900000202") for row in (ZHANG, sister)]
    assert done(applied(text(HEADER, *changed), school.school, complete=False)) == {"changed": 1}
    assert addresses(guardian) == [("mobile", "+8619900000202", "roster")]


def test_two_guardians_of_one_child_even_with_one_telephone(school: School) -> None:
    header = ("学号", "姓名", "班级", "父亲姓名", "父亲电话", "母亲姓名", "母亲电话")
    content = text(header, ("1001", "张伟", "软件2401", "张父", "19900000201", "李母", "19900000201"))
    applied(content, school.school)
    assert set(Person.objects.filter(kind="guardian").values_list("name", flat=True)) == {"张父", "李母"}
    assert done(applied(content, school.school)) == {}


def test_a_guardian_whose_name_is_corrected_is_the_same(school: School) -> None:
    applied(text(HEADER, ZHANG), school.school)
    applied(text(HEADER, (*ZHANG[:5], "张大父", ZHANG[6])), school.school)
    assert Person.objects.get(kind="guardian").name == "张大父"


def test_a_guardian_of_before_stays_as_he_is_also_without_contact(school: School) -> None:
    child = a_person(school.room, number="1001", name="张伟")
    a_guardian(child, name="李母", mobile="+8619900000203")
    Relation.objects.update(no_contact=True)
    applied(text(HEADER, ZHANG), school.school)
    assert set(child.related.values_list("person__name", "no_contact")) == {("李母", True), ("张父", False)}


# --- units and advisers -----------------------------------------------------------------------------------------------
def test_units_are_made_with_what_stands_above_them(school: School) -> None:
    header = ("学号", "姓名", "学院", "专业", "班级")
    rows = [
        ("1", "一", "信息学院", "软件技术", "软件2501"),
        ("2", "二", "信息学院", "软件技术", "软件2502"),
        ("3", "三", "护理学院", "护理", "护理2501"),
    ]
    content = text(header, *rows)
    applied(content, school.school, create_units=True)
    classes = OrgUnit.objects.filter(people__number__in=("1", "2", "3")).order_by("people__number")
    assert [(one.name, one.kind, one.parent.name, one.parent.parent.name) for one in classes] == [
        ("软件2501", "class", "软件技术", "信息学院"),
        ("软件2502", "class", "软件技术", "信息学院"),
        ("护理2501", "class", "护理", "护理学院"),
    ]
    assert OrgUnit.objects.filter(name="信息学院").count() == 1
    assert done(applied(content, school.school, create_units=True)) == {}


def test_a_class_gets_the_adviser_that_its_rows_name_and_no_other(school: School) -> None:
    before, teacher = (
        a_person(school.office, name=name, kind=Person.Kind.STAFF, number=number)
        for name, number in (("陈静", "T1"), ("周勇", "T2"))
    )
    Adviser.objects.create(person=before, unit=school.room)
    Adviser.objects.create(person=before, unit=school.second)
    content = text(("学号", "姓名", "班级", "班主任"), ("1001", "张伟", "软件2401", "周勇"))
    roster = applied(content, school.school)
    assert [line.values["adviser"][0] for line in lines(roster, "adviser")] == ["陈静"]
    assert set(Adviser.objects.values_list("person", "unit")) == {
        (teacher.pk, school.room.pk),
        (before.pk, school.second.pk),
    }
    assert done(applied(content, school.school)) == {}


def test_an_adviser_who_may_be_two_people_or_none_is_said(school: School) -> None:
    for number in ("T1", "T2"):
        a_person(school.office, name="陈静", kind=Person.Kind.STAFF, number=number)
    rows = [("1", "一", "软件2401", "陈静"), ("2", "二", "软件2402", "没有"), ("3", "三", "数控2401", "陈静")]
    rows += [("4", "四", "数控2401", "周勇")]
    roster = applied(text(("学号", "姓名", "班级", "班主任"), *rows), school.school)
    assert [line.name for line in lines(roster, "ignored")] == [
        "信息学院 / 软件2401",
        "信息学院 / 软件2402",
        "机电学院 / 数控2401",
    ]
    assert not Adviser.objects.exists()


# --- what was shown, whole or not at all ------------------------------------------------------------------------------
def test_the_record_says_who_what_and_of_which_file(school: School) -> None:
    content = text(HEADER, ZHANG)
    roster = compared(content, school.school)
    services.apply(roster, by=school.head, ring=False)
    work.write(roster.pk)
    roster.refresh_from_db()
    assert (roster.applied_by, roster.state, roster.sha256) == (school.head, "applied", services.digest(content))
    assert roster.ended_at is not None
    entry = Entry.objects.get(verb="import")
    assert (entry.actor_id, entry.unit_id) == (school.head.pk, school.school.pk)
    assert entry.details["sha256"] == roster.sha256
    assert entry.details["counts"]["new"] == 1
    assert "19900000101" not in str(vars(entry))


def test_the_file_and_the_addresses_go_when_it_is_over(school: School) -> None:
    roster = applied(text(HEADER, ZHANG), school.school)
    assert not RosterPart.objects.exists()
    assert [line.act for line in lines(roster)] == [None]
    other = compared(text(HEADER, ("1009", "赵敏", "软件2401")), school.school)
    services.discard(other, by=None)
    assert not RosterPart.objects.exists()
    assert not other.changes.exists()


def change_name() -> None:
    Person.objects.filter(number="1001").update(name="张三")


def enter_address() -> None:
    ContactPoint.objects.create(person=Person.objects.get(number="1001"), kind="email", value="new@school.example")


def take_number() -> None:
    a_person(number="1002")


def move() -> None:
    Membership.objects.update(unit=OrgUnit.objects.get(name="软件2402"))


@pytest.mark.parametrize("meanwhile", [change_name, enter_address, take_number, move])
def test_if_the_directory_has_changed_nothing_is_written_and_it_is_compared_anew(
    meanwhile: object, school: School, rung: list[tuple[str, int]]
) -> None:
    a_person(school.room, number="1001", name="张伟")
    rows = [("1001", "张大伟", "软件2401"), ("1002", "王芳", "软件2401")]
    roster = compared(text(HEADER[:3], *rows), school.school)
    services.apply(roster, by=None, ring=False)
    meanwhile()
    people = set(Person.objects.values_list("number", "name"))
    work.write(roster.pk)
    assert set(Person.objects.values_list("number", "name")) == people
    roster.refresh_from_db()
    assert (roster.state, rung) == ("reading", [("workers.read_roster", roster.pk)])
    work.read(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, bool(roster.error)) == ("ready", True)


@pytest.mark.parametrize("numbers", [[], ["T1", "T3"], ["T3"]], ids=["none", "one more", "another"])
def test_an_adviser_chosen_by_hand_meanwhile_is_not_undone(
    numbers: list[str], school: School, rung: list[tuple[str, int]]
) -> None:
    staff = {
        number: a_person(school.office, name=number, kind=Person.Kind.STAFF, number=number)
        for number in ("T1", "T2", "T3")
    }
    Adviser.objects.create(person=staff["T1"], unit=school.room)
    content = text(("学号", "姓名", "班级", "班主任"), ("1001", "张伟", "软件2401", "T2"))
    roster = compared(content, school.school, complete=False)
    services.apply(roster, by=None, ring=False)
    Adviser.objects.all().delete()
    Adviser.objects.bulk_create(Adviser(person=staff[number], unit=school.room) for number in numbers)
    work.write(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, Person.objects.filter(kind="student").exists()) == ("reading", False)
    assert sorted(Adviser.objects.values_list("person__number", flat=True)) == numbers


def test_a_class_that_is_gone_meanwhile_is_no_half_import(school: School, rung: list[tuple[str, int]]) -> None:
    roster = compared(text(HEADER, ZHANG), school.school)
    services.apply(roster, by=None, ring=False)
    school.room.delete()
    work.write(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, Person.objects.count()) == ("reading", 0)


def test_applying_costs_the_same_for_many_people(
    school: School, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = [
        (f"{number:04}", f"{number}", "软件2401", f"1990000{number:04}", "", f"家长{number}", f"1990001{number:04}")
        for number in range(120)
    ]
    roster = compared(text(HEADER, *rows), school.school)
    services.apply(roster, by=None, ring=False)
    with django_assert_max_num_queries(60):
        work.write(roster.pk)
    assert Person.objects.count() == 240


# --- any roster -------------------------------------------------------------------------------------------------------
names = st.sampled_from(["张伟", "王芳", "李 娜", "=1+1"])
mobiles = st.sampled_from(["", "19900000101", "+86 199 0000 0102", "12", "１９９００００１０３"])
people = st.tuples(
    st.sampled_from(["1001", "1002", "1003", "1004", "", "x y"]),
    names,
    st.sampled_from(["软件2401", "软件2402", "新班", ""]),
    mobiles,
    st.sampled_from(["", "a@school.example", "B@school.example", "b@"]),
    st.sampled_from(["", "张父", "李母"]),
    mobiles,
    st.sampled_from(["", "在读", "实习", "毕业"]),
)


@pytest.mark.once
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rosters=st.lists(st.lists(people, min_size=1, max_size=6), min_size=1, max_size=3))
def test_any_roster_applied_twice_changes_nothing_the_second_time(rosters: list, school: School) -> None:
    header = (*HEADER, "状态")
    for rows in rosters:
        content = text(header, *rows)
        applied(content, school.school, create_units=True)
        state = everything()
        again = applied(content, school.school, create_units=True)
        assert (done(again), everything()) == ({}, state)


def everything() -> list[list[tuple]]:
    rows = (
        Person.objects.values_list("number", "name", "kind", "state"),
        Membership.objects.values_list("person__number", "unit__name"),
        ContactPoint.objects.values_list("pk", "value", "source"),
        Relation.objects.values_list("person", "of"),
    )
    return [sorted(map(str, some)) for some in rows]


def test_a_second_school_is_another_school(school: School) -> None:
    other = a_school("另一学校")
    a_person(a_unit("一班", parent=other), number="9001")
    assert lines(compared(text(HEADER, ZHANG), school.school), "left") == []
