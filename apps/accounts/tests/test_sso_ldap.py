"""Passwords of the school's LDAP directory: Debian's slapd as a process."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import signing
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.tests.factories import a_client, a_user, an_author
from apps.accounts.tests.logging_in import PASSWORD, WRONG, a_second_factor, code_of, is_in, log_in
from apps.audit.models import Entry
from apps.directory.tests.factories import a_person, a_school
from tests.servers import slapd

pytestmark = [pytest.mark.django_db, pytest.mark.once]
NUMBER = "2024010101"
API = "/api/v1/login"
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


def test_input_59_a_name_counts_as_one_however_it_is_spelt(client: Client) -> None:
    """slapd reads them all as one."""
    a_person(number=NUMBER)
    spelt = ["wangfang", "WangFang", " wangfang", "wangfang  ", "ｗａｎｇｆａｎｇ", "wang\u200bfang", "wang\u00adfang"]
    for number in range(10):
        assert log_in(Client(), spelt[number % len(spelt)], WRONG).status_code == 200
    answers = {log_in(Client(), one).status_code for one in spelt}
    told = {a_client().post(API, {"username": one, "password": PASSWORD}).status_code for one in spelt}
    assert (answers, told) == ({429}, {429})


@pytest.mark.parametrize("spelt", ["WangFang", "  wangfang ", "ｗａｎｇｆａｎｇ"])
def test_every_spelling_opens_page_and_api_alike(client: Client, spelt: str) -> None:
    a_person(number=NUMBER)
    log_in(client, spelt)
    assert is_in(client)
    assert a_client().post(API, {"username": spelt, "password": PASSWORD}).status_code == 200


def with_the_device_of(client: Client) -> Client:
    """Nobody is logged in there."""
    other = Client()
    other.cookies["known_device"] = client.cookies["known_device"].value
    return other


@pytest.mark.parametrize("name", ["wangfang", "WANGFANG"])
@pytest.mark.parametrize("factor", [False, True])
def test_a_browser_in_which_he_has_logged_in_by_his_ldap_name_counts_apart(name: str, factor: bool) -> None:
    user = a_user("teacher", person=a_person(number=NUMBER))
    his, another = Client(), Client()
    if factor:
        secret = a_second_factor(user)
    log_in(his, "wangfang")
    if factor:
        his.post("/login/code", {"code": code_of(secret)})
    assert is_in(his)
    his.post("/logout")
    for _ in range(11):
        log_in(another, "wangfang", WRONG)
    assert log_in(another, "wangfang").status_code == 429
    his = with_the_device_of(his)
    for _ in range(10):
        assert log_in(his, "wangfang", WRONG).status_code == 200
    assert log_in(his, name).status_code == 429
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        assert log_in(his, name).status_code == 302
    assert "wangfang" not in signing.b64_decode(his.cookies["known_device"].value.split(":")[0].encode()).decode()


def test_the_second_factor_comes_after_it(client: Client) -> None:
    a_second_factor(a_user(person=a_person(number=NUMBER)))
    assert log_in(client, "wangfang").headers["Location"] == "/login/code"


def test_a_directory_that_is_away_locks_nobody_else_out(client: Client, settings: Any) -> None:
    settings.AUTH_LDAP_SERVER_URI = "ldap://127.0.0.1:9"
    a_user("local", password=PASSWORD)
    assert log_in(client, "wangfang").status_code == 200
    log_in(client, "local")
    assert is_in(client)
