"""The school's own login in a real browser: it refuses a form that the page's policy does not let lead there."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import include, path
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.sso.cas import Cas
from apps.accounts.tests.factories import a_user
from apps.directory.tests.factories import a_person
from msgcenter.settings import security_policy
from tests.browser.conftest import Reader
from tests.servers.cas_server import CasServer
from tests.servers.http_server import HttpServer
from tests.servers.oidc_server import OidcServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
NUMBER = "2024010101"

#: The site as it is where CAS is configured.
urlpatterns = [path("account/sso/cas", Cas.as_view(), name="cas"), path("", include("msgcenter.urls"))]


def log_in(reader: Reader, server: HttpServer, button: str) -> None:
    a_user("wang", person=a_person(number=NUMBER))
    reader.beside.add(urlsplit(server.url).netloc)
    reader.go("/login?next=/account/")
    reader.page.click(f"text={button}")
    expect(reader.page).to_have_url(f"{reader.site}/account/")


def test_an_openid_provider(live_server: LiveServer, reader_at: Callable[..., Reader], settings: Any) -> None:
    with OidcServer(clients={"msgcenter": "the secret"}) as server:
        server.user = {"sub": "one", "preferred_username": NUMBER}
        app = {"provider_id": "school", "name": "Campus", "client_id": "msgcenter", "secret": "the secret"}
        settings.OIDC_APPS = [app | {"settings": {"server_url": server.url}}]
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": settings.OIDC_APPS, "OAUTH_PKCE_ENABLED": True}}
        settings.CONTENT_SECURITY_POLICY = security_policy(server.url)
        log_in(reader_at(live_server.url), server, "Campus")


@pytest.mark.urls(__name__)
def test_a_cas_server(live_server: LiveServer, reader_at: Callable[..., Reader], settings: Any) -> None:
    with CasServer() as server:
        server.user = NUMBER
        settings.CAS_SERVER_URL, settings.CAS_NAME = f"{server.url}/", "Campus"
        settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "apps.accounts.sso.cas.CASBackend"]
        settings.CONTENT_SECURITY_POLICY = security_policy(f"{server.url}/")
        log_in(reader_at(live_server.url), server, "Campus")
