"""Passwords of the school's LDAP directory: Debian's slapd as a process."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.accounts.tests.factories import a_client, a_user, an_author
from apps.accounts.tests.logging_in import PASSWORD, WRONG, a_second_factor, is_in, log_in
from apps.audit.models import Entry
from apps.directory.tests.factories import a_person, a_school
from tests.servers import slapd

pytestmark = pytest.mark.django_db
NUMBER = "2024010101"
PEOPLE = {"wangfang": (NUMBER, PASSWORD), "stranger": ("2024999999", PASSWORD), "root": ("0", PASSWORD)}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with slapd.slapd(tmp_path_factory.mktemp("slapd"), PEOPLE) as address:
        yield address


@pytest.fixture(autouse=True)
def _configured(directory: str, settings: Any) -> None:
    settings.AUTH_LDAP_SERVER_URI = directory
    settings.AUTH_LDAP_START_TLS = False
    settings.AUTH_LDAP_USER_DN_TEMPLATE = f"uid=%(user)s,ou=people,{slapd.SUFFIX}"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "apps.accounts.sso.ldap.LDAPBackend"]


def test_the_directory_s_password_opens_the_login_of_the_person_with_that_number(client: Client) -> None:
    user = an_author(a_school(), username="teacher", person=a_person(number=NUMBER))
    log_in(client, "wangfang")
    assert client.get("/account/").context["user"] == user
    assert user.roles.count() == 1
    assert a_client().post("/api/v1/login", {"username": "wangfang", "password": PASSWORD}).status_code == 200


def test_somebody_on_the_roster_gets_a_login_without_any_right(client: Client) -> None:
    a_person(number=NUMBER)
    log_in(client, "wangfang")
    user = User.objects.get()
    assert (user.username, user.is_staff, user.is_superuser, user.roles.count()) == (NUMBER, False, False, 0)
    assert is_in(client)


@pytest.mark.parametrize(
    ("name", "password"), [("wangfang", WRONG), ("wangfang", ""), ("stranger", PASSWORD), ("root", PASSWORD)]
)
def test_nobody_else_gets_in(client: Client, name: str, password: str) -> None:
    a_person(number=NUMBER)
    a_user("root")
    assert log_in(client, name, password).status_code == 200
    assert not is_in(client)
    assert User.objects.count() == 1


@pytest.mark.parametrize("name", ["*", "wang*", "wangfang)(uid=*", "wangfang,ou=people", "", "\\2a"])
def test_a_name_is_no_query(client: Client, name: str) -> None:
    a_person(number=NUMBER)
    assert log_in(client, name).status_code == 200
    assert not is_in(client)


def test_input_59_its_passwords_are_limited_too(client: Client) -> None:
    a_person(number=NUMBER)
    assert [log_in(client, "wangfang", WRONG).status_code for _ in range(11)] == [200] * 10 + [429]
    assert Entry.objects.filter(verb="login_failed").count() == 10


def test_the_second_factor_comes_after_it(client: Client) -> None:
    a_second_factor(a_user(person=a_person(number=NUMBER)))
    assert log_in(client, "wangfang").headers["Location"] == "/login/code"


def test_a_directory_that_is_away_locks_nobody_else_out(client: Client, settings: Any) -> None:
    settings.AUTH_LDAP_SERVER_URI = "ldap://127.0.0.1:9"
    a_user("local", password=PASSWORD)
    assert log_in(client, "wangfang").status_code == 200
    log_in(client, "local")
    assert is_in(client)
