"""Granting and taking roles: never to oneself, never more than one holds, and never out of sight."""

import pytest

from apps.accounts import rights, roles
from apps.accounts.models import RoleAssignment, User
from apps.accounts.rights import Right, Role
from apps.accounts.tests.factories import a_client, a_superuser, a_user, a_user_with
from apps.audit.models import Entry
from apps.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from apps.core.tests.api import refusals
from apps.core.tests.threads import together
from apps.directory.models import OrgUnit
from apps.directory.tests.factories import a_department, a_person, a_school

pytestmark = pytest.mark.django_db
URL = "/api/v1/roles"


@pytest.fixture
def school() -> OrgUnit:
    return a_school("school")


@pytest.fixture
def office(school: OrgUnit) -> OrgUnit:
    return a_department(school, "office")


@pytest.fixture
def manager(office: OrgUnit) -> User:
    return a_user_with("unit_manager", office, username="manager")


@pytest.fixture
def teacher(office: OrgUnit) -> User:
    return a_user("teacher", person=a_person(office))


def held(user: User) -> set[tuple[str, str]]:
    return set(RoleAssignment.objects.filter(user=user).values_list("role", "unit__name"))


def test_a_manager_gives_what_he_holds_in_his_unit_and_below(manager: User, teacher: User, office: OrgUnit) -> None:
    section = a_department(office, "section")
    given = roles.grant(teacher, "author", section, by=manager)
    assert held(teacher) == {("author", "section")}
    roles.revoke(given, by=manager)
    assert held(teacher) == set()
    told = Entry.objects.order_by("sequence").values_list("verb", "actor_name", "unit_id", "details")
    assert list(told) == [
        ("grant", "manager", section.pk, {"changes": {"role": [None, "author"]}}),
        ("revoke", "manager", section.pk, {"changes": {"role": ["author", None]}}),
    ]


@pytest.mark.parametrize("role", ["administrator", "approver", "emergency_sender", "operator", "auditor"])
def test_nobody_gives_or_takes_a_right_he_does_not_hold(
    manager: User, teacher: User, office: OrgUnit, role: str
) -> None:
    with pytest.raises(NotAllowed):
        roles.grant(teacher, role, office, by=manager)
    given = RoleAssignment.objects.create(user=teacher, unit=office, role=role)
    with pytest.raises(NotAllowed):
        roles.revoke(given, by=manager)
    assert held(teacher) == {(role, "office")}
    assert not Entry.objects.exists()


@pytest.mark.parametrize("role", list(Role))
def test_nobody_gives_himself_a_role(office: OrgUnit, role: str) -> None:
    for user in (a_user_with("administrator", office, person=a_person(office)), a_superuser(person=a_person(office))):
        before = held(user)
        with pytest.raises(NotAllowed):
            roles.grant(user, role, office, by=user)
        assert held(user) == before


def test_only_who_hands_out_rights_gives_a_role(teacher: User, office: OrgUnit) -> None:
    for role in set(Role) - {Role.ADMINISTRATOR, Role.UNIT_MANAGER, Role.RECIPIENT}:
        with pytest.raises(NotAllowed):
            roles.grant(teacher, "recipient", office, by=a_user_with(role, office))
    with pytest.raises(NotFound):
        roles.grant(teacher, "recipient", office, by=a_user_with("recipient", office))


def test_foreign_units_people_and_roles_are_not_there(manager: User, teacher: User, school: OrgUnit) -> None:
    other = a_department(school, "other")
    stranger = a_user_with("author", other, username="stranger", person=a_person(other))
    office = OrgUnit.objects.get(name="office")
    for user, unit in ((teacher, other), (teacher, school), (stranger, office)):
        with pytest.raises(NotFound):
            roles.grant(user, "author", unit, by=manager)
    with pytest.raises(NotFound):
        roles.revoke(RoleAssignment.objects.get(user=stranger), by=manager)
    assert held(stranger) == {("author", "other")}


def test_a_role_is_given_once_and_must_be_one(manager: User, teacher: User, office: OrgUnit) -> None:
    roles.grant(teacher, "author", office, by=manager)
    with pytest.raises(Conflict):
        roles.grant(teacher, "author", office, by=manager)
    with pytest.raises(InvalidInput):
        roles.grant(teacher, "king", office, by=manager)


@pytest.mark.django_db(transaction=True)
def test_given_by_two_at_once_it_is_there_once(manager: User, teacher: User, office: OrgUnit) -> None:
    results = together(*[lambda: roles.grant(teacher, "author", office, by=manager)] * 4)
    assert [type(one) for one in results].count(Conflict) == 3
    assert Entry.objects.filter(verb="grant").count() == 1


class TestExceeds:
    """Who must keep his hands off whose login."""

    def test_by_the_rights_each_holds_where(self, manager: User, teacher: User, office: OrgUnit) -> None:
        assert not rights.exceeds(teacher, manager)
        assert rights.exceeds(manager, teacher)
        RoleAssignment.objects.create(user=teacher, unit=office, role="author")
        assert not rights.exceeds(teacher, manager)
        RoleAssignment.objects.create(user=teacher, unit=office.parent, role="author")
        assert rights.exceeds(teacher, manager)

    def test_a_login_that_is_switched_off_counts_as_if_it_were_on(self, manager: User, office: OrgUnit) -> None:
        assert rights.exceeds(a_user_with("approver", office, is_active=False), manager)
        assert rights.exceeds(a_user(is_superuser=True, is_active=False), manager)

    def test_superusers(self, manager: User) -> None:
        assert rights.exceeds(a_superuser(), manager)
        assert not rights.exceeds(manager, a_superuser())
        assert not rights.exceeds(a_superuser(), a_superuser())


class TestApi:
    def test_list_grant_and_revoke(self, manager: User, teacher: User, office: OrgUnit) -> None:
        client = a_client(manager)
        made = client.post(URL, {"username": "teacher", "role": "author", "unit": office.pk})
        assert made.status_code == 201
        assert made.json()["user"]["username"] == "teacher"
        assert made.json()["unit"] == {"id": office.pk, "name": "office"}
        listed = client.get(URL).json()["results"]
        assert [(one["user"]["username"], one["role"]) for one in listed] == [
            ("teacher", "author"),
            ("manager", "unit_manager"),
        ]
        assert client.delete(f"{URL}/{made.json()['id']}").status_code == 204
        assert held(teacher) == set()

    def test_a_colleague_without_the_right_and_a_stranger(self, teacher: User, office: OrgUnit) -> None:
        body = {"username": "teacher", "role": "author", "unit": office.pk}
        colleague = a_client(a_user_with("author", office))
        stranger = a_client(a_user_with("administrator", a_department(office.parent)))
        assert refusals(colleague.post(URL, body), 403) == [("not_allowed", None)]
        assert refusals(stranger.post(URL, body), 404) == [("not_found", "unit")]
        given = RoleAssignment.objects.create(user=teacher, unit=office, role="recipient")
        for client in (colleague, stranger):
            assert client.get(URL).json()["results"] == [] or client is stranger
            assert refusals(client.delete(f"{URL}/{given.pk}"), 404) == [("not_found", None)]
        assert held(teacher) == {("recipient", "office")}

    def test_somebody_foreign_is_answered_as_nobody(self, manager: User, office: OrgUnit) -> None:
        a_user("foreign", person=a_person(office.parent))
        body = {"role": "author", "unit": office.pk}
        answers = [a_client(manager).post(URL, {**body, "username": name}) for name in ("foreign", "nobody")]
        assert [refusals(answer, 404) for answer in answers] == [[("not_found", "username")]] * 2
        assert answers[0].content == answers[1].content


def test_every_role_but_the_recipients_may_see() -> None:
    """The console and the unit's 404 build on it."""
    for role, held_rights in rights.RIGHTS.items():
        assert (Right.SEE in held_rights) == (role != Role.RECIPIENT)
