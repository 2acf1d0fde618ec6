"""Logging in at the school's CAS server: a real one, on loopback."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.test import Client
from django.urls import include, path

from apps.accounts.models import User
from apps.accounts.sso.cas import Cas
from apps.accounts.tests.factories import a_user
from apps.accounts.tests.logging_in import a_second_factor, code_of, is_in
from apps.directory.tests.factories import a_person
from tests.servers.cas_server import CasServer

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.urls(__name__)]
NUMBER = "2024010101"
DOOR = "/account/sso/cas"

#: The site as it is where CAS is configured.
urlpatterns = [path("account/sso/cas", Cas.as_view(), name="cas"), path("", include("msgcenter.urls"))]


@pytest.fixture
def server(settings: Any) -> Iterator[CasServer]:
    with CasServer() as one:
        one.user = NUMBER
        settings.CAS_SERVER_URL = f"{one.url}/"
        settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "apps.accounts.sso.cas.CASBackend"]
        yield one


def way_back(client: Client, **form: str) -> str:
    there = client.post(DOOR, form).headers["Location"]
    back = requests.get(there, allow_redirects=False, timeout=10).headers["Location"]
    return back.removeprefix("http://testserver")


def test_whoever_has_the_number_is_logged_in(client: Client, server: CasServer) -> None:
    user = a_user("wang", person=a_person(number=NUMBER))
    assert client.get(way_back(client, next="/inbox/")).headers["Location"] == "/inbox/"
    assert client.get("/account/").context["user"] == user
    assert "CAS" in Client().get("/login").content.decode()


def test_somebody_on_the_roster_gets_a_login_without_any_right(client: Client, server: CasServer) -> None:
    a_person(number=NUMBER)
    client.get(way_back(client))
    user = User.objects.get()
    assert (user.username, user.is_staff, user.is_superuser, user.roles.count()) == (NUMBER, False, False, 0)
    assert is_in(client)


@pytest.mark.parametrize("name", ["root", "2024999999", None])
def test_nobody_else_gets_in(client: Client, server: CasServer, name: str | None) -> None:
    a_user("root")
    server.user = name
    assert client.get(way_back(client)).headers["Location"] == "/login"
    assert not is_in(client)
    assert User.objects.count() == 1


def test_the_session_ends_with_the_browser(client: Client, server: CasServer) -> None:
    a_person(number=NUMBER)
    client.get(way_back(client))
    assert is_in(client)
    assert client.cookies["sessionid"]["max-age"] == ""


def test_a_ticket_opens_one_browser_once(client: Client, server: CasServer) -> None:
    a_person(number=NUMBER)
    back, other = way_back(client), Client()
    other.get(back)
    assert not is_in(other)
    client.get(back)
    assert is_in(client)
    client.post("/logout")
    client.get(back)
    assert not is_in(client)


def test_the_second_factor_comes_after_it(client: Client, server: CasServer) -> None:
    secret = a_second_factor(a_user(person=a_person(number=NUMBER)))
    assert client.get(way_back(client)).headers["Location"] == "/login/code"
    assert not is_in(client)
    client.post("/login/code", {"code": code_of(secret)})
    assert is_in(client)


def test_input_57_it_goes_on_to_a_page_of_ours_only(client: Client, server: CasServer) -> None:
    a_person(number=NUMBER)
    assert client.get(way_back(client, next="//evil.example")).headers["Location"] == "/"


def test_a_server_that_is_away_is_no_crash(client: Client, server: CasServer, settings: Any) -> None:
    a_person(number=NUMBER)
    back = way_back(client)
    settings.CAS_SERVER_URL = "http://127.0.0.1:9/"
    assert client.get(back).headers["Location"] == "/login"
    assert not is_in(client)
