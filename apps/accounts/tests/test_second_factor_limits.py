"""How often codes of the second factor are looked at."""

from datetime import timedelta

import pytest
import time_machine
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from apps.accounts.login import known, second_factor
from apps.accounts.models import User
from apps.accounts.tests.factories import a_client, a_user
from apps.accounts.tests.logging_in import ELSEWHERE, PASSWORD, a_second_factor, code_of, is_in, log_in
from apps.core.errors import InvalidInput, TooMany
from apps.core.tests.api import refusals
from apps.core.tests.threads import together

pytestmark = pytest.mark.django_db
LOGIN, WRONG_CODE = "/api/v1/login", "000000"


@pytest.fixture
def author(db: None) -> User:
    return a_user("wang", password=PASSWORD)


def api_login(**more: str) -> object:
    return a_client().post(LOGIN, {"username": "wang", "password": PASSWORD, **more})


def test_codes_cannot_be_guessed_for_long(author: User) -> None:
    secret = a_second_factor(author)
    answers = [api_login(code=WRONG_CODE).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    assert refusals(api_login(), 401) == [("totp_required", None)], "the password is right, and its limit another"
    assert 0 < int(api_login(code=code_of(secret))["Retry-After"]) <= 900
    here = Client()
    log_in(here, "wang", REMOTE_ADDR=ELSEWHERE)
    here.post("/login/code", {"code": code_of(secret)}, REMOTE_ADDR=ELSEWHERE)
    assert is_in(here)


def asks(rf: RequestFactory, user: User, code: str, *, network: int = 1, device: str = "") -> bool:
    """Whether the code is looked at and right; `TooMany` where it is not looked at."""
    request = rf.post("/login/code", REMOTE_ADDR=f"203.0.113.{network}")
    request.COOKIES["known_device"] = device
    try:
        second_factor.check(request, user, code)
    except InvalidInput:
        return False
    return True


def device_of(user: User) -> str:
    """The cookie of a browser in which he has logged in."""
    response = HttpResponse()
    known.remember(HttpRequest(), response, user.pk, user.username)
    return response.cookies["known_device"].value


def test_over_all_networks_fifty_codes_an_hour_are_looked_at(rf: RequestFactory, author: User) -> None:
    secret = a_second_factor(author)
    for number in range(50):
        assert not asks(rf, author, WRONG_CODE, network=number)
    with pytest.raises(TooMany) as refused:
        asks(rf, author, code_of(secret), network=60)
    assert 900 < refused.value.wait <= 3600
    other = a_user("li")
    assert asks(rf, other, code_of(a_second_factor(other)), network=60)
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        assert asks(rf, author, code_of(secret), network=60)


def test_a_browser_in_which_he_has_logged_in_before_counts_apart(rf: RequestFactory, author: User) -> None:
    secret, device = a_second_factor(author), device_of(author)
    for _ in range(10):
        asks(rf, author, WRONG_CODE)
    with pytest.raises(TooMany):
        asks(rf, author, code_of(secret))
    with pytest.raises(TooMany):
        asks(rf, author, code_of(secret), device=device_of(a_user("li")))
    for network in range(10):
        assert not asks(rf, author, WRONG_CODE, network=network, device=device)
    with pytest.raises(TooMany):
        asks(rf, author, code_of(secret), network=70, device=device)
    assert asks(rf, author, code_of(secret), network=70)


def test_a_browser_that_is_known_is_among_the_fifty_too(rf: RequestFactory, author: User) -> None:
    secret, device = a_second_factor(author), device_of(author)
    for number in range(50):
        asks(rf, author, WRONG_CODE, network=number)
    with pytest.raises(TooMany):
        asks(rf, author, code_of(secret), device=device)


@pytest.mark.django_db(transaction=True)
def test_of_fifty_codes_at_once_ten_are_looked_at() -> None:
    user = a_user("wang", password=PASSWORD)
    a_second_factor(user)
    answers = together(*[lambda: api_login(code=WRONG_CODE).status_code] * 50)
    assert (answers.count(401), answers.count(429)) == (10, 40)
