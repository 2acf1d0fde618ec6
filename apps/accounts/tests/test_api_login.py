"""POST /login: a token for a name and a password."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from knox.models import get_token_model

from apps.accounts.tests.factories import a_client, a_user, an_author
from apps.audit.models import Entry
from apps.core.tests.api import refusals
from apps.directory.tests.factories import a_department, a_person, a_school

URL = "/api/v1/login"
PASSWORD = "correct horse battery"
pytestmark = pytest.mark.django_db


def login(username: object, password: object = PASSWORD, **headers: str) -> Any:
    return a_client().post(URL, {"username": username, "password": password}, headers=headers or None)


def test_the_right_password_gives_a_token_that_opens_the_api_and_the_roles() -> None:
    unit = a_department(a_school("The school"), "Student affairs")
    user = an_author(unit, username="wang", password=PASSWORD, person=a_person(name="王芳"))
    before = timezone.now()
    response = login("wang")
    assert response.status_code == 200
    body = response.json()
    assert body["user"] == {"username": "wang", "name": "王芳"}
    assert body["roles"] == [{"role": "author", "unit": {"id": unit.pk, "name": "Student affairs"}}]
    token = get_token_model().objects.get(user=user)
    assert before + timedelta(hours=11) < token.expiry < timezone.now() + timedelta(hours=13)
    client = a_client()
    client.credentials(HTTP_AUTHORIZATION=f"Token {body['token']}")
    assert client.get("/api/v1/channels").status_code == 200
    assert Entry.objects.filter(verb="login", actor_id=user.pk).count() == 1


def test_the_password_itself_and_the_token_are_stored_nowhere() -> None:
    a_user("wang", password=PASSWORD)
    token = login("wang").json()["token"]
    row = get_token_model().objects.get()
    assert token not in (row.digest, row.token_key)
    assert PASSWORD not in str(list(Entry.objects.values()))


def test_input_26_a_wrong_password_an_unknown_and_an_inactive_user_get_the_same_401() -> None:
    a_user("wang", password=PASSWORD)
    a_user("left", password=PASSWORD, is_active=False)
    answers = [login("wang", "wrong"), login("nobody", "wrong"), login("left")]
    assert [refusals(answer, 401) for answer in answers] == [[("authentication_failed", None)]] * 3
    assert len({answer.content for answer in answers}) == 1
    assert {answer["WWW-Authenticate"] for answer in answers} == {"Token"}
    assert not get_token_model().objects.exists()
    assert Entry.objects.filter(verb="login_failed").count() == 3


def test_an_old_token_does_not_stand_in_the_way_of_logging_in() -> None:
    a_user("wang", password=PASSWORD)
    assert login("wang", Authorization="Token expired").status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"username": "a"}, {"username": "a", "password": 1}, {"username": "a", "password": "x" * 1001}]
)
def test_input_01_a_body_that_is_no_login_is_400(body: dict[str, Any]) -> None:
    refusals(a_client().post(URL, body), 400)


def test_input_09_an_unknown_field_is_400() -> None:
    body = {"username": "a", "password": "b", "remember": "yes"}
    assert refusals(a_client().post(URL, body), 400) == [("unknown_field", "remember")]


@pytest.mark.parametrize("name", ["wang", "nobody"])
def test_input_59_the_eleventh_bad_login_is_429_and_says_when_to_try_again(name: str) -> None:
    a_user("wang", password=PASSWORD)
    assert {login(name, "wrong").status_code for _ in range(10)} == {401}
    refused = login(name, **{"X-Forwarded-For": "203.0.113.9"})
    assert refusals(refused, 429) == [("throttled", None)]
    assert 0 < int(refused["Retry-After"]) <= 900
