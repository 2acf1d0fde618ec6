"""The demo school is the same everywhere, and no address in it can belong to anybody."""

import re
from collections import Counter
from datetime import date

import pytest

from apps.directory import contacts
from apps.directory.models import ContactPoint, OrgUnit, Person
from deploy.demo import exams, school
from deploy.demo.tests.test_exams import made_up


@pytest.fixture(scope="module")
def whole() -> school.School:
    return school.make()


def people(made: school.School, kind: Person.Kind) -> list[school.Human]:
    return [human for human in made.humans if human.kind == kind]


def test_the_school_is_as_large_as_it_says(whole: school.School) -> None:
    kinds = Counter(unit.kind for unit in whole.units)
    assert kinds == {OrgUnit.Kind.SCHOOL: 1, "department": 3, "college": 6, "programme": 12, "class": 60}
    assert len(people(whole, Person.Kind.STUDENT)) == 2_400
    assert len(people(whole, Person.Kind.STAFF)) == 160
    assert 1_300 < len(people(whole, Person.Kind.GUARDIAN)) < 2_000


def test_the_school_is_the_same_every_time(whole: school.School) -> None:
    assert school.make() == whole


def test_every_class_has_a_size_a_unique_path_and_an_adviser(whole: school.School) -> None:
    sizes = Counter(human.unit for human in people(whole, Person.Kind.STUDENT))
    assert set(sizes.values()) == {school.CLASS_SIZE}
    advised = [human.advises for human in whole.humans if human.advises]
    assert sorted(advised) == sorted(sizes)


def test_student_and_staff_numbers_are_unique(whole: school.School) -> None:
    numbers = [human.number for human in whole.humans if human.number]
    assert len(numbers) == len(set(numbers)) == 2_560
    assert all(re.fullmatch(r"20\d{8}", human.number) for human in people(whole, Person.Kind.STUDENT))


def test_every_address_is_reserved_and_stored_as_it_is(whole: school.School) -> None:
    for human in whole.humans:
        for contact in human.contacts:
            assert contacts.normalise(contact.kind, contact.value) == contact.value
            if contact.kind == ContactPoint.Kind.EMAIL:
                assert contact.value.endswith(".example")
            if contact.kind == ContactPoint.Kind.MOBILE:
                assert re.fullmatch(r"\+1[2-9]\d\d555(01[0-8]\d|019[0-69])", contact.value)


def test_the_living_share_no_mobile_number(whole: school.School) -> None:
    found = Counter(contact.value for human in whole.humans for contact in human.contacts)
    assert max(found.values()) == 1


@pytest.mark.parametrize(
    ("trait", "low", "high"),
    [
        (lambda human: not any(one.kind == ContactPoint.Kind.MOBILE for one in human.contacts), 0.02, 0.04),
        (lambda human: not any(one.kind == ContactPoint.Kind.EMAIL for one in human.contacts), 0.03, 0.05),
        (lambda human: any(one.value.startswith("dead.") for one in human.contacts), 0.005, 0.015),
        (lambda human: any(one.value.endswith("5550199") for one in human.contacts), 0.005, 0.015),
        (lambda human: bool(human.suppressed), 0.01, 0.03),
        (lambda human: any(one.kind == ContactPoint.Kind.DEVICE for one in human.contacts), 0.27, 0.33),
    ],
    ids=["no mobile", "no e-mail", "dead e-mail", "dead mobile", "opted out", "device"],
)
def test_some_addresses_are_missing_or_dead(whole: school.School, trait: object, low: float, high: float) -> None:
    students = people(whole, Person.Kind.STUDENT)
    assert low < sum(map(trait, students)) / len(students) < high


def test_students_have_a_cohort_and_a_birth_and_some_of_the_third_year_are_interns(whole: school.School) -> None:
    students = people(whole, Person.Kind.STUDENT)
    assert {student.cohort for student in students} == set(school.COHORTS)
    ages = Counter(student.cohort - student.born_on.year for student in students)
    assert min(ages) == 15
    assert max(ages) <= 20
    minors = [student for student in students if student.born_on > date(2008, 11, 23)]
    assert 0.1 < len(minors) / len(students) < 0.4
    interns = [student for student in students if student.state == Person.State.INTERNSHIP]
    assert {intern.cohort for intern in interns} == {2024}
    assert 0.4 < len(interns) / sum(student.cohort == 2024 for student in students) < 0.6


def test_author_and_approver_are_two_people_of_the_first_department(whole: school.School) -> None:
    _admin, author, approver = whole.logins
    staff = {human.number: human for human in whole.humans}
    assert author.person != approver.person
    assert {staff[author.person].unit, staff[approver.person].unit} == {(school.SCHOOL, school.DEPARTMENTS[0])}


@pytest.mark.parametrize("students", [1, 39, 200, 400, 2_399, school.MOST_STUDENTS])
def test_a_school_of_any_size_has_exactly_its_students(students: int) -> None:
    made = school.make(students)
    assert len({human.number for human in people(made, Person.Kind.STUDENT)}) == students
    assert len(made.logins) == 3
    units = {unit.path for unit in made.units}
    assert all(human.unit in units and human.unit[:-1] in units for human in made.humans if human.unit)


def test_the_people_of_a_timetable_are_those_of_its_plan() -> None:
    plan = exams.plan(made_up())
    made = school.of_plan(plan)
    assert [human.number for human in made.humans] == [candidate.number for candidate in plan.candidates]
    units = {unit.path for unit in made.units}
    assert all(human.unit in units and human.unit[:-1] in units for human in made.humans)


def test_a_student_is_the_same_in_whatever_timetable_he_comes() -> None:
    alone = school.student("B230101", ("school",), school.Numbers())
    later = school.student("B230101", ("school",), school.Numbers(5))
    assert alone.name == later.name
    assert [one.kind for one in alone.contacts] == [one.kind for one in later.contacts]
