"""A link to somebody's contact point with which he makes himself a login."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from apps.accounts import invitations
from apps.accounts.models import Invitation, Letter, User
from apps.accounts.tests.factories import a_superuser, a_user, a_user_with, an_author
from apps.accounts.tests.logging_in import is_in, last_secret, log_in
from apps.audit.models import Entry
from apps.core.errors import Conflict, InvalidInput, NotFound
from apps.core.tests.threads import together
from apps.directory.models import OrgUnit, Person
from apps.directory.tests.factories import a_class, a_guardian, a_person, a_school

pytestmark = pytest.mark.django_db
MOBILE, EMAIL = "+8619900000021", "mother@home.example"
ADDRESS = f"https://msg.school.example/account/invitation/{invitations.TOKEN}"
NEW = "another horse battery"


@pytest.fixture
def room(db: None) -> OrgUnit:
    return a_class(a_school())


@pytest.fixture
def manager(room: OrgUnit) -> User:
    return a_user_with("unit_manager", room)


@pytest.fixture
def mother(room: OrgUnit) -> Person:
    return a_guardian(a_person(room), name="李梅", email=EMAIL, mobile=MOBILE)


def invite(person: Person, by: User, kind: str = "email") -> str:
    """The path of the link in the letter."""
    invitations.invite(person, person.contact_points.get(kind=kind), by=by, address=ADDRESS)
    return last_secret().removeprefix("https://msg.school.example")


def accept(client: Client, path: str, **form: str) -> object:
    return client.post(path, {"password": NEW, "repeated": NEW, **form})


def test_a_guardian_makes_herself_a_login_without_any_right(client: Client, mother: Person, manager: User) -> None:
    path = invite(mother, manager)
    assert "李梅" in client.get(path).content.decode()
    assert accept(client, path, username="limei").headers["Location"] == "/login"
    user = User.objects.get(username="limei")
    assert (user.person, user.is_staff, user.roles.count()) == (mother, False, 0)
    assert mother.contact_points.get(kind="email").verified_at
    log_in(client, "limei", NEW)
    assert is_in(client)
    verbs = list(Entry.objects.values_list("verb", flat=True))
    assert {"invite", "accept_invitation"} <= set(verbs)


def test_somebody_with_a_number_is_named_by_it(client: Client, room: OrgUnit, manager: User) -> None:
    person = a_person(room, number="2024010101", email=EMAIL)
    accept(client, invite(person, manager), username="ignored")
    assert User.objects.get(person=person).username == "2024010101"


def test_only_whoever_manages_these_people_invites_and_withdraws(mother: Person, manager: User, room: OrgUnit) -> None:
    stranger = a_user_with("unit_manager", a_class(room.parent))
    for somebody in (an_author(room), stranger, a_user()):
        with pytest.raises(NotFound):
            invite(mother, somebody)
    invite(mother, manager)
    invitation = Invitation.objects.get()
    for somebody in (an_author(room), stranger, a_user()):
        with pytest.raises(NotFound):
            invitations.withdraw(invitation, by=somebody)
    invitations.withdraw(invitation, by=manager)


def test_an_invitation_goes_to_a_contact_point_of_that_person_alone(
    mother: Person, manager: User, room: OrgUnit
) -> None:
    other = a_person(room, email="other@home.example", devices=("token-1",))
    for contact_point in other.contact_points.all():
        with pytest.raises(InvalidInput):
            invitations.invite(mother, contact_point, by=manager, address=ADDRESS)
    with pytest.raises(InvalidInput):
        invitations.invite(other, other.contact_points.get(kind="device"), by=manager, address=ADDRESS)
    assert not Letter.objects.exists()


def test_who_has_a_login_is_not_invited(mother: Person, manager: User) -> None:
    a_user(person=mother)
    with pytest.raises(Conflict):
        invite(mother, manager)


def test_a_link_opens_once_and_not_after_it_was_withdrawn_replaced_or_a_week_old(
    client: Client, mother: Person, manager: User
) -> None:
    withdrawn = invite(mother, manager)
    invitations.withdraw(Invitation.objects.get(), by=manager)
    with pytest.raises(Conflict):
        invitations.withdraw(Invitation.objects.get(), by=manager)
    replaced, old = invite(mother, manager), None
    good = invite(mother, manager)
    for path in (withdrawn, replaced, "/account/invitation/nosuch"):
        assert client.get(path).status_code == 404
        assert accept(client, path, username="x").status_code == 404
    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        assert client.get(good).status_code == 404
    assert old is None
    accept(client, good, username="limei")
    assert client.get(good).status_code == 404
    assert User.objects.filter(person=mother).count() == 1


def test_a_taken_name_and_a_weak_password_leave_the_invitation_open(
    client: Client, mother: Person, manager: User
) -> None:
    path = invite(mother, manager)
    assert accept(client, path, username=manager.username).status_code == 200
    assert accept(client, path, username="limei", password="short", repeated="short").status_code == 200
    assert accept(client, path, username="limei").status_code == 302


@pytest.mark.parametrize("name", ["2024010109", "２０２４０１０１０９", "b2024"])
def test_the_number_of_another_person_is_no_user_name(client: Client, mother: Person, manager: User, name: str) -> None:
    """Who had it would be taken for that person, and he would get no login."""
    a_person(number="2024010109")
    a_person(number="B2024")
    path = invite(mother, manager)
    answer = accept(client, path, username=name)
    assert answer.status_code == 200
    assert "username" in answer.context["form"].errors
    assert not User.objects.filter(person=mother).exists()
    assert accept(client, path, username="limei").status_code == 302


def test_looking_at_the_link_uses_nothing_up(client: Client, mother: Person, manager: User) -> None:
    path = invite(mother, manager)
    client.get(path)
    client.head(path)
    assert Invitation.objects.get().accepted_at is None


def test_the_token_is_stored_hashed(mother: Person, manager: User) -> None:
    token = invite(mother, manager).rpartition("/")[2]
    assert token not in str(list(Invitation.objects.values()))
    assert token not in str(list(Entry.objects.values()))


@pytest.mark.django_db(transaction=True)
def test_of_many_who_accept_at_once_one_does() -> None:
    room = a_class(a_school())
    mother = a_guardian(a_person(room), email=EMAIL)
    token = invite(mother, a_user_with("unit_manager", room)).rpartition("/")[2]
    results = together(
        *[
            lambda number=number: invitations.accept(token, username=f"name{number}", password=NEW)
            for number in range(4)
        ]
    )
    assert sum(isinstance(one, User) for one in results) == 1
    assert User.objects.filter(person=mother).count() == 1


def test_the_admin_invites_and_withdraws(client: Client, mother: Person, room: OrgUnit) -> None:
    manager = a_user_with("unit_manager", room)
    stranger = a_user_with("unit_manager", a_class(room.parent))
    form = {"person": mother.pk, "contact_point": mother.contact_points.get(kind="email").pk}
    for somebody, status in ((an_author(room), 403), (stranger, 200), (manager, 302)):
        client.force_login(somebody)
        assert client.post("/admin/accounts/invitation/add/", form).status_code == status
    invitation = Invitation.objects.get()
    client.force_login(stranger)
    posted = {"action": "withdraw", "_selected_action": [invitation.pk]}
    client.post("/admin/accounts/invitation/", posted)
    invitation.refresh_from_db()
    assert invitation.withdrawn_at is None
    client.force_login(a_superuser())
    client.post("/admin/accounts/invitation/", posted)
    invitation.refresh_from_db()
    assert invitation.withdrawn_at
