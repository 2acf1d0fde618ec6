"""Logging in at the school's OpenID provider: a real one, on loopback."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.test import Client

from apps.accounts.models import User
from apps.accounts.tests.factories import a_user, an_author
from apps.accounts.tests.logging_in import a_second_factor, code_of, is_in
from apps.directory.models import Person
from apps.directory.tests.factories import a_person, a_school
from tests.servers.oidc_server import OidcServer

pytestmark = [pytest.mark.django_db, pytest.mark.once]
NUMBER = "2024010101"
START = "/account/sso/oidc/school/login/"


@pytest.fixture
def provider(settings: Any) -> Iterator[OidcServer]:
    with OidcServer(clients={"msgcenter": "the secret"}) as server:
        server.user = {"sub": "one", "preferred_username": NUMBER}
        app = {"provider_id": "school", "name": "My school", "client_id": "msgcenter", "secret": "the secret"}
        settings.OIDC_APPS = [app | {"settings": {"server_url": server.url}}]
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": settings.OIDC_APPS, "OAUTH_PKCE_ENABLED": True}}
        yield server


def there_and_back(client: Client, **form: str) -> Any:
    there = client.post(START, form)
    assert there.status_code == 302, there.content[:500]
    back = requests.get(there.headers["Location"], allow_redirects=False, timeout=10).headers["Location"]
    return client.get(back.removeprefix("http://testserver"))


def test_the_login_page_offers_it_only_where_it_is_configured(
    client: Client, provider: OidcServer, settings: Any
) -> None:
    assert "My school" in client.get("/login").content.decode()
    settings.OIDC_APPS = []
    assert "My school" not in client.get("/login").content.decode()


def test_whoever_has_the_number_is_logged_in_with_the_rights_he_has(client: Client, provider: OidcServer) -> None:
    user = an_author(a_school(), username="wang", person=a_person(number=NUMBER))
    for _ in range(2):
        assert there_and_back(client, next="/inbox/").headers["Location"] == "/inbox/"
        assert client.get("/account/").context["user"] == user
        client.post("/logout")
    assert user.roles.count() == 1


def test_somebody_on_the_roster_gets_a_login_without_any_right(client: Client, provider: OidcServer) -> None:
    person = a_person(number=NUMBER)
    there_and_back(client)
    user = User.objects.get()
    assert (user.username, user.person, user.is_staff, user.has_usable_password()) == (NUMBER, person, False, False)
    assert user.roles.count() == 0
    assert is_in(client)


@pytest.mark.parametrize("number", [None, "", "2024999999"])
def test_nobody_else_gets_in(client: Client, provider: OidcServer, number: str | None) -> None:
    a_user("root")
    provider.user = {"sub": "two", "preferred_username": number, "email": "root@school.example", "name": "root"}
    assert there_and_back(client).headers["Location"] == "/login"
    assert not is_in(client)
    assert User.objects.count() == 1


def test_who_has_left_or_is_locked_does_not_get_in(client: Client, provider: OidcServer) -> None:
    user = a_user(person=a_person(number=NUMBER), is_active=False)
    there_and_back(client)
    User.objects.filter(pk=user.pk).update(is_active=True)
    Person.objects.update(state=Person.State.LEFT)
    there_and_back(client)
    assert not is_in(client)


def test_an_identity_that_takes_another_number_is_refused(client: Client, provider: OidcServer) -> None:
    a_user("wang", person=a_person(number=NUMBER))
    a_user("li", person=a_person(number="2024010102"))
    there_and_back(client)
    client.post("/logout")
    provider.user = {"sub": "one", "preferred_username": "2024010102"}
    there_and_back(client)
    assert not is_in(client)


def test_the_second_factor_comes_after_it(client: Client, provider: OidcServer) -> None:
    secret = a_second_factor(a_user(person=a_person(number=NUMBER)))
    assert there_and_back(client).headers["Location"] == "/login/code"
    assert not is_in(client)
    client.post("/login/code", {"code": code_of(secret)})
    assert is_in(client)


def test_the_session_ends_with_the_browser(client: Client, provider: OidcServer) -> None:
    a_person(number=NUMBER)
    there_and_back(client)
    assert is_in(client)
    assert client.cookies["sessionid"]["max-age"] == ""


def test_a_refusal_and_a_foreign_answer_open_nothing(client: Client, provider: OidcServer) -> None:
    a_user(person=a_person(number=NUMBER))
    provider.user = None
    there_and_back(client)
    client.get("/account/sso/oidc/school/login/callback/?code=x&state=y")
    assert not is_in(client)


def test_a_provider_that_is_away_is_no_crash(client: Client, provider: OidcServer, settings: Any) -> None:
    settings.OIDC_APPS[0]["settings"]["server_url"] = "http://127.0.0.1:9"
    assert client.post(START).status_code in (200, 302)
    assert client.get("/login").status_code == 200


def test_input_57_it_goes_on_to_a_page_of_ours_only(client: Client, provider: OidcServer) -> None:
    a_person(number=NUMBER)
    assert there_and_back(client, next="//evil.example").headers["Location"] == "/"


def test_looking_ahead_starts_nothing(client: Client, provider: OidcServer) -> None:
    assert client.get(START).status_code == 200
    assert client.head(START).status_code == 200
    assert provider.requests == 0
