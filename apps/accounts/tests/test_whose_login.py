"""Whose login it is: a role in one's own unit, or a child in it, makes nobody's login one's own."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts import rights, roles
from apps.accounts.models import RoleAssignment, User
from apps.accounts.rights import Right
from apps.accounts.tests.factories import a_superuser, a_user, a_user_with
from apps.core import permissions
from apps.directory.models import Membership, OrgUnit, Person
from apps.directory.tests.factories import a_class, a_department, a_guardian, a_person, a_school

pytestmark = pytest.mark.django_db


@pytest.fixture
def college(db: None) -> OrgUnit:
    return a_department(a_school(), "信息学院")


@pytest.fixture
def elsewhere(college: OrgUnit) -> OrgUnit:
    return a_department(college.parent, "教务处")


@pytest.fixture
def clerk(college: OrgUnit) -> User:
    return a_user_with("unit_manager", college, username="clerk")


class TestRoles:
    def holder(self, college: OrgUnit, person: Person | None) -> User:
        user = a_user("holder", person=person)
        RoleAssignment.objects.create(user=user, unit=college, role="author")
        return user

    def test_a_role_makes_nobodys_login_the_units_own(self, clerk: User, college: OrgUnit, elsewhere: OrgUnit) -> None:
        user = self.holder(college, a_person(elsewhere, kind="staff"))
        assert not rights.can(clerk, Right.MANAGE_PEOPLE, user)
        assert rights.can(clerk, Right.GRANT, user)
        assert rights.can(clerk, Right.SEE, user)
        assert roles.candidates(clerk).filter(pk=user.pk).exists()

    def test_but_for_a_login_that_is_nobodys(self, clerk: User, college: OrgUnit) -> None:
        assert rights.can(clerk, Right.MANAGE_PEOPLE, self.holder(college, None))

    def test_its_password_is_the_business_of_those_who_keep_its_person(
        self, clerk: User, college: OrgUnit, elsewhere: OrgUnit, client: Client
    ) -> None:
        user = self.holder(college, a_person(elsewhere, kind="staff"))
        form = {"usable_password": "true", "password1": "Winter-Leaves-8", "password2": "Winter-Leaves-8"}
        page = reverse("admin:auth_user_password_change", args=[user.pk])
        client.force_login(clerk)
        assert client.post(page, form).status_code == 404
        client.force_login(a_user_with("administrator", college.parent))
        assert client.post(page, form).status_code == 302


class TestGuardians:
    """Whoever names somebody as a guardian of a child of his own must not get at his login by that."""

    def may_address(self, user: User, guardian: Person) -> bool:
        asked = user.has_perm("directory.address_person", guardian)
        assert asked == (guardian.pk not in permissions.mightier_people(user))
        return asked

    @pytest.fixture
    def child(self, college: OrgUnit) -> Person:
        return a_person(a_class(college))

    def test_all_his_children_must_be_of_ones_units(self, clerk: User, child: Person, elsewhere: OrgUnit) -> None:
        sibling = a_person(a_class(elsewhere))
        guardian = a_user(person=a_guardian(child, sibling)).person
        assert not self.may_address(clerk, guardian)
        sibling.memberships.update(unit=child.units.get())
        assert self.may_address(clerk, guardian)

    def test_a_child_with_a_bed_elsewhere_is_ones_own(self, clerk: User, child: Person, elsewhere: OrgUnit) -> None:
        Membership.objects.create(person=child, unit=elsewhere)
        assert self.may_address(clerk, a_user(person=a_guardian(child)).person)

    def test_so_must_be_all_his_own_units(self, clerk: User, child: Person, elsewhere: OrgUnit) -> None:
        guardian = a_user(person=a_guardian(child)).person
        Membership.objects.create(person=guardian, unit=elsewhere)
        assert not self.may_address(clerk, guardian)
        assert self.may_address(a_user_with("unit_manager", elsewhere.parent), guardian)
        assert self.may_address(a_superuser(), guardian)

    def test_without_a_login_he_is_reached_by_each_school_office(
        self, clerk: User, child: Person, elsewhere: OrgUnit
    ) -> None:
        assert self.may_address(clerk, a_guardian(child, a_person(elsewhere)))

    def test_one_s_own_addresses_are_one_s_own(self, clerk: User, child: Person, elsewhere: OrgUnit) -> None:
        clerk.person = a_guardian(child, a_person(elsewhere))
        clerk.save()
        assert self.may_address(clerk, clerk.person)
