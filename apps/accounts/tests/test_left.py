"""Who has left gets in nowhere, and holds nothing; when he returns everything is as before."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.accounts import keys, rights
from apps.accounts.authentication import TokenAuthentication
from apps.accounts.keys import KeyDraft
from apps.accounts.models import ApiKey, Letter, User
from apps.accounts.rights import Right
from apps.accounts.tests.factories import a_client, a_superuser, a_user, a_user_with, an_administrator, with_key
from apps.accounts.tests.logging_in import PASSWORD, WRONG, is_in, last_secret, log_in
from apps.core.tests.api import refusals
from apps.directory.models import OrgUnit, Person
from apps.directory.tests.factories import a_person, a_school

pytestmark = pytest.mark.django_db
DOOR, INBOX, LOGIN = "/api/v1/channels", "/api/v1/inbox", "/api/v1/login"
NUMBER, MOBILE, EMAIL = "2024010101", "+8619900000071", "wang@school.example"
NEW = "another horse battery"


@pytest.fixture
def school(db: None) -> OrgUnit:
    return a_school()


@pytest.fixture
def wang(school: OrgUnit) -> User:
    person = a_person(school, number=NUMBER, mobile=MOBILE, email=EMAIL)
    return an_administrator(school, username="wang", password=PASSWORD, person=person)


def turn(state: str) -> None:
    Person.objects.filter(number=NUMBER).update(state=state)


def leave() -> None:
    turn(Person.State.LEFT)


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


def key_of(user: User, unit: OrgUnit) -> str:
    draft = KeyDraft(name="Library", kind=ApiKey.Kind.LIVE, scopes=[Right.SEE], unit=unit)
    return keys.create(draft, by=user).token


def test_neither_session_nor_token_nor_key_opens_anything_until_he_returns(school: OrgUnit, wang: User) -> None:
    browser, app, system = Client(), a_client(wang), with_key(key_of(wang, school))
    log_in(browser, "wang")

    def seen() -> tuple[object, ...]:
        return is_in(browser), app.get(DOOR).status_code, app.get(INBOX).status_code, system.get(DOOR).status_code

    assert seen() == (True, 200, 200, 200)
    for state in (Person.State.SUSPENDED, Person.State.INTERNSHIP):
        turn(state)
        assert seen() == (True, 200, 200, 200)
    leave()
    assert seen() == (False, 401, 401, 401)
    turn(Person.State.ACTIVE)
    assert seen() == (True, 200, 200, 200)


def test_his_password_is_answered_like_a_wrong_one(client: Client, wang: User) -> None:
    leave()
    answers = [log_in(Client(), "wang", password) for password in (PASSWORD, WRONG)]
    assert {one.status_code for one in answers} == {200}
    assert len({str(one.context["form"].errors) for one in answers}) == 1
    told = [a_client().post(LOGIN, {"username": "wang", "password": one}) for one in (PASSWORD, WRONG)]
    assert [refusals(one, 401) for one in told] == [[("authentication_failed", None)]] * 2
    turn(Person.State.ACTIVE)
    log_in(client, "wang")
    assert is_in(client)


@pytest.mark.parametrize("via", ["email", "mobile"])
def test_nothing_is_sent_to_him_for_a_new_password(client: Client, wang: User, via: str) -> None:
    leave()
    answer = client.post("/account/forgotten", {"name": "wang", "via": via})
    assert answer.headers["Location"] == ("/account/forgotten/sent" if via == "email" else "/account/forgotten/code")
    assert Letter.objects.get().contact_point is None


def test_a_link_and_a_code_from_before_open_nothing(client: Client, wang: User) -> None:
    client.post("/account/forgotten", {"name": "wang", "via": "email"})
    link = last_secret().removeprefix("http://testserver")
    client.post("/account/forgotten", {"name": "wang", "via": "mobile"})
    code = last_secret()
    opened = Client()
    form = opened.get(link).headers["Location"]
    leave()
    assert not Client().get(link).context["validlink"]
    opened.post(form, {"new_password1": NEW, "new_password2": NEW})
    client.post("/account/forgotten/code", {"code": code, "password": NEW, "repeated": NEW})
    assert again(wang).check_password(PASSWORD)


def test_he_holds_no_right_and_his_colleague_does(school: OrgUnit, wang: User) -> None:
    key = keys.find(key_of(wang, school))
    colleague = an_administrator(school, person=a_person(school, number="2024010102"))
    leave()
    wang, acting = again(wang), keys.acting(ApiKey.objects.get(pk=key.pk))
    for user, held in ((wang, False), (acting, False), (colleague, True)):
        assert rights.can(user, Right.SEE, school) is held
        assert rights.can(user, Right.SEE, None) is held
        assert rights.holds(user, Right.SEE) is held
        assert rights.visible_to(user, Person.objects.all()).exists() is held
        assert bool(rights.units_with(user, Right.SEE)) is held
        assert bool(rights.rights_in(user, school)) is held
        assert rights.reachable_people(user).exists() is held
        assert user.has_perm("directory.view_person") is held
        assert user.has_module_perms("admin") is held


def test_a_superuser_who_has_left_holds_nothing_and_one_who_is_nobody_does(school: OrgUnit) -> None:
    left, operator = a_superuser(person=a_person(school, number=NUMBER)), a_superuser()
    leave()
    for user, held in ((again(left), False), (operator, True)):
        assert rights.almighty(user) is held
        assert rights.can(user, Right.GRANT, school) is held
        assert rights.visible_to(user, Person.objects.all()).exists() is held
    client = Client()
    client.force_login(left)
    assert client.get("/admin/").status_code == 302


def test_nobody_in_particular_holds_nothing(school: OrgUnit) -> None:
    assert not rights.can(AnonymousUser(), Right.SEE, school)
    assert not rights.almighty(AnonymousUser())


def test_it_costs_a_request_no_query_more(
    school: OrgUnit, wang: User, django_assert_num_queries: DjangoAssertNumQueries, rf: Any
) -> None:
    """The person comes with the user, by session, by token and by key."""
    client = Client()
    client.force_login(wang)
    with django_assert_num_queries(2):
        request = client.get("/favicon.ico", follow=False).wsgi_request
        assert request.user.may_log_in
    found = keys.find(key_of(wang, school))
    with django_assert_num_queries(0):
        assert found.created_by.may_log_in
    token = a_client(wang)._credentials["HTTP_AUTHORIZATION"].removeprefix("Token ")
    user, _row = TokenAuthentication().authenticate_credentials(token.encode())
    with django_assert_num_queries(0):
        assert user.may_log_in


@pytest.mark.parametrize("change", [{"state": "left"}, {"number": "2024010199"}])
def test_nobody_shuts_out_or_replaces_whoever_holds_more(
    client: Client, school: OrgUnit, wang: User, change: dict[str, str]
) -> None:
    """The state of a person is the switch of his login, and the school's own login knows him by his number."""
    clerk = a_user_with("unit_manager", school)
    pupil = a_person(school, number="2024010103")
    rows = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    for person, changes in ((wang.person, False), (pupil, True)):
        client.force_login(clerk)
        told = {"name": person.name, "kind": person.kind, "state": person.state, "number": person.number, **rows}
        client.post(f"/admin/directory/person/{person.pk}/change/", told | change)
        row = Person.objects.values("state", "number").get(pk=person.pk)
        assert (row.items() >= change.items()) is changes


def test_an_account_without_a_person_is_as_before(client: Client) -> None:
    a_user("alone", password=PASSWORD)
    log_in(client, "alone")
    assert is_in(client)
