"""What somebody who keeps a department's people may not do to units and people, though their pages are his."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import RoleAssignment, User
from apps.accounts.tests.factories import a_user, a_user_with
from apps.audit.models import Entry
from apps.directory.models import Membership, OrgUnit, Person
from apps.directory.tests.factories import a_class, a_department, a_guardian, a_person, a_school

pytestmark = pytest.mark.django_db


@pytest.fixture
def college(db: None) -> OrgUnit:
    return a_department(a_school("示例职业学院"), "信息学院")


@pytest.fixture
def clerk(college: OrgUnit) -> User:
    return a_user_with("unit_manager", college, username="clerk")


@pytest.fixture
def clerks(clerk: User, client: Client) -> Client:
    client.force_login(clerk)
    return client


def page_of(row: object, verb: str = "change") -> str:
    return reverse(f"admin:directory_{row._meta.model_name}_{verb}", args=[row.pk])


def as_it_is(person: Person, **changes: object) -> dict[str, object]:
    form = {"name": person.name, "kind": person.kind, "state": person.state, "number": person.number or ""}
    return {**form, "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0, **changes}


class TestUnits:
    def test_who_keeps_a_unit_but_not_what_is_above_it_changes_its_name_alone(
        self, clerks: Client, college: OrgUnit
    ) -> None:
        """An office reaches everybody beside it: who made his unit one would write to the whole school."""
        before = (college.kind, college.code, college.parent_id)
        below = a_class(college)
        form = {"name": "软件学院", "kind": "administrative", "code": "X1", "parent": below.pk}
        assert clerks.post(page_of(college), form).status_code == 302
        college.refresh_from_db()
        assert (college.name, college.kind, college.code, college.parent_id) == ("软件学院", *before)

    def test_below_it_he_changes_them_all(self, clerks: Client, college: OrgUnit) -> None:
        room, other = a_class(college), a_class(college)
        form = {"name": room.name, "kind": "dormitory", "code": "X2", "parent": other.pk}
        assert clerks.post(page_of(room), form).status_code == 302
        room.refresh_from_db()
        assert (room.kind, room.code, room.parent_id) == ("dormitory", "X2", other.pk)


class TestPeople:
    @pytest.fixture
    def approver(self, college: OrgUnit) -> Person:
        person = a_person(college, kind="staff", number="T900001")
        a_user_with("approver", college, person=person)
        return person

    def test_whoever_holds_more_keeps_number_and_state(self, clerks: Client, approver: Person) -> None:
        """The school's login knows people by their number."""
        form = as_it_is(approver, name="李华", number="T900002", state="left")
        assert clerks.post(page_of(approver), form).status_code == 302
        approver.refresh_from_db()
        assert (approver.name, approver.number, approver.state) == ("李华", "T900001", "active")

    def test_and_is_not_deleted(self, clerks: Client, approver: Person) -> None:
        assert clerks.post(page_of(approver, "delete"), {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [approver.pk], "post": "yes"}
        clerks.post(reverse("admin:directory_person_changelist"), chosen)
        assert Person.objects.filter(pk=approver.pk).exists()

    def test_of_others_they_are_changed(self, clerks: Client, college: OrgUnit) -> None:
        teacher = a_user(person=a_person(college, kind="staff", number="T900003")).person
        assert clerks.post(page_of(teacher), as_it_is(teacher, number="T900004", state="left")).status_code == 302
        teacher.refresh_from_db()
        assert (teacher.number, teacher.state) == ("T900004", "left")


class TestDeleting:
    def gone(self) -> list[tuple[str, str]]:
        entries = Entry.objects.filter(verb="delete").order_by("sequence")
        assert "school.example" not in str([entry.object_name for entry in entries])
        return [(entry.object_type, entry.details.get("along_with", "")) for entry in entries]

    def test_what_goes_with_a_person_is_noted_line_by_line(self, clerks: Client, college: OrgUnit) -> None:
        child = a_person(college, email="child@school.example", mobile="+8619900000121")
        a_guardian(child)
        assert clerks.post(page_of(child, "delete"), {"post": "yes"}).status_code == 302
        along = "directory.person"
        assert self.gone() == [
            ("directory.person", ""),
            ("directory.contactpoint", along),
            ("directory.contactpoint", along),
            ("directory.relation", along),
        ]
        told = [entry.details["changes"] for entry in Entry.objects.filter(object_type="directory.contactpoint")]
        assert {"value": ["c***@school.example", None]} in told

    def test_so_are_the_roles_of_a_unit_and_of_a_login(self, admin_client: Client, college: OrgUnit) -> None:
        room = a_class(college)
        user = a_user_with("author", room)
        a_user_with("approver", room)
        chosen = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
        admin_client.post(reverse("admin:accounts_user_changelist"), chosen)
        assert self.gone() == [("accounts.user", ""), ("accounts.roleassignment", "accounts.user")]
        admin_client.post(page_of(room, "delete"), {"post": "yes"})
        assert self.gone()[2:] == [("directory.orgunit", ""), ("accounts.roleassignment", "directory.orgunit")]
        assert not RoleAssignment.objects.exists()

    def test_nobody_is_deleted_who_belongs_to_others_too(self, clerks: Client, college: OrgUnit) -> None:
        person = a_person(college)
        Membership.objects.create(person=person, unit=a_department(college.parent))
        assert clerks.get(page_of(person)).status_code == 200
        assert clerks.post(page_of(person, "delete"), {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}
        clerks.post(reverse("admin:directory_person_changelist"), chosen)
        assert Person.objects.filter(pk=person.pk).exists()

    def test_nor_a_guardian_of_somebody_elses_child(self, clerks: Client, college: OrgUnit) -> None:
        guardian = a_guardian(a_person(college), a_person(a_department(college.parent)))
        assert clerks.post(page_of(guardian, "delete"), {"post": "yes"}).status_code == 403
        assert Person.objects.filter(pk=guardian.pk).exists()
