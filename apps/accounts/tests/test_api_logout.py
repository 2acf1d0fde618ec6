"""POST /logout, and what opens no door any more."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from knox.models import get_token_model
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle

from apps.accounts.tests.factories import a_client, a_user
from apps.audit.models import Entry
from apps.core.tests.api import refusals

URL = "/api/v1/logout"
DOOR = "/api/v1/channels"
pytestmark = pytest.mark.django_db


def test_logging_out_ends_this_token_and_no_other() -> None:
    user = a_user()
    here, there = a_client(user), a_client(user)
    assert here.post(URL).status_code == 204
    assert refusals(here.get(DOOR), 401) == [("authentication_failed", None)]
    assert there.get(DOOR).status_code == 200
    assert Entry.objects.filter(verb="logout", actor_id=user.pk).count() == 1


def test_logging_out_ends_the_session_where_there_is_no_token() -> None:
    client = APIClient()
    client.force_login(a_user())
    assert client.get(DOOR).status_code == 200
    assert client.post(URL).status_code == 204
    assert client.get(DOOR).status_code == 401


def test_a_page_with_a_session_needs_its_csrf_token() -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(a_user())
    assert refusals(client.post(URL), 403) == [("permission_denied", None)]
    client.get("/login")
    client.cookies["csrftoken"] = "x" * 32
    assert client.post(URL, headers={"X-CSRFToken": "x" * 32}).status_code == 204


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Token",
        "Token no such",
        "Token nosuch",
        "Token \xff\xfe",
        "Token \x00",
        "Bearer x",
        "Basic eDp5",
        "x" * 9000,
    ],
)
def test_input_26_without_a_token_of_ours_it_is_401(header: str | None) -> None:
    response = APIClient(raise_request_exception=False).get(DOOR, **({"HTTP_AUTHORIZATION": header} if header else {}))
    refusals(response, 401)
    assert response["WWW-Authenticate"] == "Token"


def test_input_26_an_expired_token_and_one_of_somebody_inactive_are_401() -> None:
    user = a_user()
    client = a_client(user)
    get_token_model().objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert refusals(client.get(DOOR), 401) == [("authentication_failed", None)]
    client = a_client(user)
    user.is_active = False
    user.save()
    assert refusals(client.get(DOOR), 401) == [("authentication_failed", None)]


def test_input_26_over_the_limit_it_is_429_with_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "user", "2/min")
    client, other = a_client(a_user()), a_client(a_user())
    assert [client.get(DOOR).status_code for _ in range(3)] == [200, 200, 429]
    refused: Any = client.get(DOOR)
    assert refusals(refused, 429) == [("throttled", None)]
    assert 0 < int(refused["Retry-After"]) <= 60
    assert other.get(DOOR).status_code == 200


def test_input_09_a_body_is_refused_as_the_verb_takes_none() -> None:
    assert refusals(a_client(a_user()).post(URL, {"everywhere": True}), 400) == [("unknown_field", "everywhere")]
