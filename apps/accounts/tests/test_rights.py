"""Who may do what where, and whom he may write to."""

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.accounts import rights
from apps.accounts.models import RoleAssignment
from apps.accounts.rights import Right
from apps.accounts.tests.factories import a_superuser, a_user, a_user_with, an_author
from apps.directory.models import OrgUnit
from apps.directory.tests.factories import a_class, a_department, a_school, a_unit

pytestmark = pytest.mark.django_db
Role = RoleAssignment.Role
COLLEGE = OrgUnit.Kind.COLLEGE
HELD = {
    "administrator": set(Right),
    "unit_manager": {"see", "write", "publish", "see_addresses", "manage_people", "export", "grant"},
    "author": {"see", "write", "publish"},
    "approver": {"see", "publish", "approve"},
    "emergency_sender": {"see", "write", "publish", "emergency"},
    "operator": {"see", "manage_channels"},
    "auditor": {"see", "export", "read_audit"},
    "recipient": set(),
}


def ids(*units: OrgUnit) -> set[int]:
    return {unit.pk for unit in units}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("right", list(Right))
def test_role_holds_its_rights_in_the_whole_subtree_and_nowhere_else(role: str, right: Right) -> None:
    school = a_school()
    department, other = a_department(school), a_department(school)
    section = a_unit(parent=department)
    user = a_user_with(role, department)
    has = right in HELD[role]
    assert [rights.can(user, right, unit) for unit in (department, section)] == [has, has]
    assert [rights.can(user, right, unit) for unit in (school, other)] == [False, False]
    assert rights.units_with(user, right) == (ids(department, section) if has else set())


def test_nobody_s_rights() -> None:
    school = a_school()
    user = a_user()
    assert not any(rights.can(user, right, school) for right in Right)
    assert rights.units_with(user, Right.SEE) == set()
    assert rights.reachable_units(user) == rights.units_of_reachable_people(user) == set()


def test_superuser_may_everything_everywhere() -> None:
    school = a_school()
    department = a_department(school)
    user = a_superuser()
    assert all(rights.can(user, right, department) for right in Right)
    everything = ids(school, department)
    assert rights.units_with(user, Right.WRITE) == rights.units_with(user, Right.SEE) == everything
    assert rights.reachable_units(user) == everything


def test_several_roles_add_up() -> None:
    school = a_school()
    one, two = a_department(school), a_department(school)
    user = a_user_with(Role.AUTHOR, one)
    RoleAssignment.objects.create(user=user, unit=two, role=Role.APPROVER)
    assert rights.units_with(user, Right.SEE) == ids(one, two)
    assert rights.units_with(user, Right.WRITE) == ids(one)
    assert rights.units_with(user, Right.APPROVE) == ids(two)


def test_department_reaches_what_is_beside_it_but_other_departments() -> None:
    school = a_school()
    department, other = a_department(school), a_department(school)
    section, other_section = a_unit(parent=department), a_unit(parent=other)
    college = a_unit(kind=COLLEGE, parent=school)
    room = a_class(college)
    a_school("another school")
    user = an_author(department)
    assert rights.reachable_units(user) == ids(department, section, college, room)
    assert rights.units_of_reachable_people(user) == ids(school, department, section, college, room)
    assert not ids(other, other_section) & rights.units_of_reachable_people(user)


def test_only_department_reaches_the_whole_school() -> None:
    school = a_school()
    department, room = a_department(school), a_class(school)
    assert rights.reachable_units(an_author(department)) == ids(school, department, room)


def test_school_s_own_author_reaches_everybody() -> None:
    school = a_school()
    units = ids(school, a_department(school), a_department(school), a_class(school))
    assert rights.reachable_units(an_author(school)) == units


def test_college_and_section_reach_themselves() -> None:
    school = a_school()
    college, department = a_unit(kind=COLLEGE, parent=school), a_department(school)
    room, section = a_class(college), a_unit(parent=department)
    a_class(school)
    assert rights.reachable_units(an_author(college)) == ids(college, room)
    assert rights.reachable_units(an_author(section)) == ids(section)


def test_department_inside_a_college_reaches_the_college() -> None:
    school = a_school()
    college = a_unit(kind=COLLEGE, parent=school)
    office, room = a_department(college), a_class(college)
    a_class(school)
    assert rights.reachable_units(an_author(office)) == ids(college, office, room)


def test_college_that_holds_a_department_is_not_reached_as_a_whole() -> None:
    school = a_school()
    department, college = a_department(school), a_unit(kind=COLLEGE, parent=school)
    office, room = a_department(college), a_class(college)
    user = an_author(department)
    assert rights.reachable_units(user) == ids(department, room)
    assert rights.units_of_reachable_people(user) == ids(school, department, college, room)
    assert office.pk not in rights.units_of_reachable_people(user)


def test_reach_costs_the_same_in_a_large_school(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    school = a_school()
    user = an_author(a_unit(kind=COLLEGE, parent=school))
    for _ in range(30):
        a_class(school)
    with django_assert_num_queries(4):
        rights.reachable_units(user)
