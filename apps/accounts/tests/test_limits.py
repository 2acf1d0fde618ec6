"""How often something may be tried, also by many at once."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from apps.accounts import limits
from apps.accounts.limits import Count, Limit
from apps.accounts.models import Tries
from apps.accounts.tests.factories import a_user
from apps.accounts.tests.logging_in import ELSEWHERE, PASSWORD, WRONG, is_in, last_secret, log_in
from apps.audit.models import Entry
from apps.core.errors import TooMany
from apps.core.tests.threads import together
from apps.directory.tests.factories import a_person

pytestmark = pytest.mark.django_db
THREE = Count(Limit("three", 3), ("somebody",))


def taken(count: Count = THREE) -> bool:
    try:
        limits.take(count)
    except TooMany:
        return False
    return True


def test_so_many_tries_and_no_more_until_the_window_is_over() -> None:
    assert [taken() for _ in range(5)] == [True, True, True, False, False]
    with pytest.raises(TooMany) as refused:
        limits.take(THREE)
    assert 0 < refused.value.wait <= 900
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        assert [taken() for _ in range(4)] == [True, True, True, False]


def test_a_right_try_is_given_back() -> None:
    for _ in range(10):
        limits.take(THREE)
        limits.give_back(THREE)
    assert [taken() for _ in range(4)] == [True, True, True, False]


def test_what_one_limit_refuses_counts_against_no_other() -> None:
    one = Count(Limit("one", 1), ("somebody",))
    limits.take(one)
    for _ in range(5):
        with pytest.raises(TooMany):
            limits.take(THREE, one)
    assert [taken() for _ in range(4)] == [True, True, True, False]


def test_old_counters_are_forgotten() -> None:
    limits.take(THREE)
    limits.forget_old()
    assert Tries.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        limits.forget_old()
    assert not Tries.objects.exists()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "unknown"),
    ],
)
def test_a_network_is_what_its_owner_cannot_change(address: str | None, expected: str) -> None:
    assert limits.network(address) == expected


@pytest.mark.django_db(transaction=True)
def test_of_fifty_that_come_at_once_exactly_so_many_find_room() -> None:
    count = Count(Limit("ten", 10), ("somebody",))
    assert sorted(map(bool, together(*[lambda: taken(count)] * 50))) == [False] * 40 + [True] * 10


@pytest.mark.django_db(transaction=True)
def test_input_59_of_fifty_guesses_at_once_ten_get_as_far_as_the_password() -> None:
    a_user("wang", password=PASSWORD)

    def guess() -> int:
        return log_in(Client(), "wang", WRONG).status_code

    answers = together(*[guess] * 50)
    assert (answers.count(200), answers.count(429)) == (10, 40)
    assert Entry.objects.filter(verb="login_failed").count() == 10
    assert log_in(Client(), "wang").status_code == 429


def test_input_59_the_eleventh_bad_login_waits_and_says_the_same_for_a_name_that_nobody_has(client: Client) -> None:
    a_user("wang", password=PASSWORD)
    answers = {}
    for name in ("wang", "nobody"):
        bad = [log_in(client, name, WRONG) for _ in range(10)]
        assert {answer.status_code for answer in bad} == {200}
        answers[name] = log_in(client, name, PASSWORD)
        assert answers[name].status_code == 429
        assert 0 < int(answers[name].headers["Retry-After"]) <= 900
    assert len({shown(answer) for answer in answers.values()}) == 1
    assert not is_in(client)


def shown(answer: Any) -> str:
    return answer.content.decode().split("<main")[1]


def test_right_logins_do_not_count() -> None:
    a_user("wang", password=PASSWORD)
    assert {log_in(Client(), "wang").status_code for _ in range(12)} == {302}


def test_an_attacker_elsewhere_does_not_lock_anybody_out(client: Client) -> None:
    a_user("wang", password=PASSWORD)
    for _ in range(11):
        answer = log_in(Client(), "wang", WRONG, REMOTE_ADDR=ELSEWHERE)
    assert answer.status_code == 429
    log_in(client, "wang")
    assert is_in(client)


def test_a_browser_in_which_somebody_has_logged_in_before_counts_apart() -> None:
    a_user("wang", password=PASSWORD)
    his, another = Client(), Client()
    log_in(his, "wang")
    his.post("/logout")
    for _ in range(11):
        log_in(another, "wang", WRONG)
    assert log_in(another, "wang").status_code == 429
    assert log_in(his, "wang").status_code == 302
    assert is_in(his)


def test_a_known_browser_may_not_guess_for_ever_either() -> None:
    a_user("wang", password=PASSWORD)
    client = Client()
    log_in(client, "wang")
    client.post("/logout")
    answers = [log_in(client, "wang", WRONG).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]


def test_a_forged_device_is_not_known() -> None:
    a_user("wang", password=PASSWORD)
    client = Client()
    client.cookies["known_device"] = "WyJ4IixbMV1d:forged"
    answers = [log_in(client, "wang", WRONG).status_code for _ in range(11)]
    assert answers[-1] == 429
    assert log_in(Client(), "wang").status_code == 429


def test_who_tries_one_password_on_everybody_is_stopped(client: Client, settings: object) -> None:
    settings.LOGIN_NETWORK_LIMIT = 20
    answers = [log_in(client, f"name{number}", WRONG).status_code for number in range(22)]
    assert answers == [200] * 20 + [429] * 2
    assert log_in(client, "other", REMOTE_ADDR=ELSEWHERE).status_code == 200


def proved(client: Client, code: str) -> int:
    form = {"code": code, "password": "another horse battery", "repeated": "another horse battery"}
    return client.post("/account/forgotten/code", form).status_code


def asked_for_a_code() -> Client:
    client = Client()
    client.post("/account/forgotten", {"name": "wang", "via": "mobile"})
    return client


def test_wrong_codes_of_a_network_and_its_wrong_passwords_count_apart(settings: object) -> None:
    settings.LOGIN_NETWORK_LIMIT = 3
    a_user("wang", password=PASSWORD, person=a_person(mobile="+8619900000041"))
    for number in range(4):
        status = log_in(Client(), f"name{number}", WRONG).status_code
    assert status == 429
    client = asked_for_a_code()
    right = last_secret()
    wrong = "000000" if right != "000000" else "000001"
    assert [proved(client, wrong) for _ in range(4)] == [200] * 3 + [429]
    assert proved(client, right) == 429
    assert proved(asked_for_a_code(), right) == 429
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        another = asked_for_a_code()
        assert [proved(another, wrong) for _ in range(2)] == [200] * 2
        assert log_in(Client(), "nobody", WRONG).status_code == 200
        assert proved(another, last_secret()) == 302


@pytest.mark.parametrize("spelt", ["wang", " wang", "ｗａｎｇ", "wa\u200bng"])
def test_a_name_counts_as_one_however_it_is_spelt(spelt: str) -> None:
    a_user("wang", password=PASSWORD)
    for _ in range(10):
        log_in(Client(), spelt, WRONG)
    assert log_in(Client(), "wang").status_code == 429


def test_neither_name_nor_address_is_in_the_counters() -> None:
    log_in(Client(), "wang", WRONG, REMOTE_ADDR=ELSEWHERE)
    assert Tries.objects.count() == 2
    told = str(list(Tries.objects.values()))
    assert "wang" not in told
    assert ELSEWHERE not in told
