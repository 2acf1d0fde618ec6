"""A new password without the old one: by a link in a mail, or by a code to the mobile on the roster."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Letter, User
from apps.accounts.tests.factories import a_client, a_superuser, a_user
from apps.accounts.tests.logging_in import (
    PASSWORD,
    a_second_factor,
    is_in,
    last_secret,
    log_in,
)
from apps.audit.models import Entry
from apps.directory.tests.factories import a_person

pytestmark = pytest.mark.django_db
NUMBER, MOBILE, EMAIL = "2024010101", "+8619900000031", "wang@school.example"
NEW = "another horse battery"
DOOR = "/api/v1/channels"


@pytest.fixture
def wang(db: None) -> User:
    return a_user("wang", password=PASSWORD, person=a_person(number=NUMBER, mobile=MOBILE, email=EMAIL))


def ask(client: Client, name: str = "wang", via: str = "email") -> object:
    return client.post("/account/forgotten", {"name": name, "via": via})


def path_of(link: str) -> str:
    return link.removeprefix("http://testserver")


def choose(client: Client, link: str, password: str = NEW) -> object:
    page = client.get(path_of(link))
    if page.status_code != 302:
        return page
    return client.post(page.headers["Location"], {"new_password1": password, "new_password2": password})


def prove(client: Client, code: str, password: str = NEW) -> object:
    return client.post("/account/forgotten/code", {"code": code, "password": password, "repeated": password})


@pytest.mark.parametrize("name", ["wang", NUMBER])
def test_a_link_by_mail_gives_a_new_password_and_ends_everything_else(client: Client, wang: User, name: str) -> None:
    there, app = Client(), a_client(wang)
    log_in(there, "wang")
    assert ask(client, name).headers["Location"] == "/account/forgotten/sent"
    assert Letter.objects.get().contact_point.value == EMAIL
    assert choose(client, last_secret()).headers["Location"] == "/login"
    assert (is_in(there), app.get(DOOR).status_code) == (False, 401)
    assert log_in(Client(), "wang").status_code == 200
    log_in(client, "wang", NEW)
    assert is_in(client)
    verbs = set(Entry.objects.values_list("verb", flat=True))
    assert {"reset_password", "end_sessions"} <= verbs


@pytest.mark.parametrize("name", ["wang", NUMBER])
def test_a_code_to_the_mobile_does_as_well(client: Client, wang: User, name: str) -> None:
    there, app = Client(), a_client(wang)
    log_in(there, "wang")
    assert ask(client, name, "mobile").headers["Location"] == "/account/forgotten/code"
    assert Letter.objects.get().contact_point.value == MOBILE
    assert prove(client, last_secret()).headers["Location"] == "/login"
    assert (is_in(there), app.get(DOOR).status_code) == (False, 401)
    log_in(client, "wang", NEW)
    assert is_in(client)


@pytest.mark.parametrize("via", ["email", "mobile"])
def test_an_unknown_name_gets_the_same_answer_and_no_letter(wang: User, via: str) -> None:
    a_user("alone", password=PASSWORD)
    a_user("inactive", person=a_person(email="x@school.example", mobile="+8619900000032"), is_active=False)
    answers = {name: ask(Client(), name, via) for name in ("wang", "nobody", "alone", "inactive")}
    assert len({(one.status_code, one.headers["Location"]) for one in answers.values()}) == 1
    assert Letter.objects.count() == 4
    assert Letter.objects.exclude(contact_point=None).count() == 1


def test_a_link_opens_once(client: Client, wang: User) -> None:
    ask(client)
    link = last_secret()
    choose(client, link)
    assert not choose(Client(), link).context["validlink"]


def test_opening_the_link_changes_nothing(client: Client, wang: User) -> None:
    ask(client)
    client.get(path_of(last_secret()))
    client.head(path_of(last_secret()))
    wang.refresh_from_db()
    assert wang.check_password(PASSWORD)
    assert choose(Client(), last_secret()).status_code == 302


def test_a_weak_password_is_refused(client: Client, wang: User) -> None:
    ask(client)
    assert choose(client, last_secret(), "short").status_code == 200
    wang.refresh_from_db()
    assert wang.check_password(PASSWORD)


@pytest.mark.parametrize("via", ["email", "mobile"])
def test_the_second_factor_stays(client: Client, wang: User, via: str) -> None:
    a_second_factor(wang)
    ask(client, via=via)
    if via == "email":
        choose(client, last_secret())
    else:
        prove(client, last_secret())
    assert log_in(client, "wang", NEW).headers["Location"] == "/login/code"
    assert not is_in(client)


def test_letters_are_limited_alike_for_known_and_unknown_names(wang: User) -> None:
    for name in ("wang", "nobody"):
        answers = [ask(Client(), name).status_code for _ in range(6)]
        assert answers == [302] * 5 + [429]
        assert int(ask(Client(), name).headers["Retry-After"]) > 0


@pytest.mark.parametrize("spelt", [NUMBER, "  wang  ", "ｗａｎｇ", "２０２４０１０１０１"])
def test_letters_count_by_the_person_however_he_is_named(wang: User, spelt: str) -> None:
    for _ in range(5):
        assert ask(Client()).status_code == 302
    assert ask(Client(), spelt).status_code == 429


@pytest.mark.parametrize("spelt", ["WANG", "wäng", "Wáng"])
def test_letters_count_by_whom_the_database_finds(wang: User, spelt: str) -> None:
    """MariaDB finds `wang` by these; where it is a name of its own, it counts by itself."""
    one = User.objects.filter(username=spelt).exists()
    assert one is (connection.vendor == "mysql")
    for _ in range(5):
        ask(Client())
    assert ask(Client(), spelt).status_code == (429 if one else 302)
    for _ in range(10):
        log_in(Client(), "wang", "wrong horse battery")
    assert log_in(Client(), spelt).status_code == (429 if one else 200)


@pytest.mark.parametrize("spelt", ["Nobody", " nobody ", "ｎｏｂｏｄｙ"])
def test_a_name_that_nobody_has_counts_as_one_however_it_is_spelt(wang: User, spelt: str) -> None:
    for _ in range(5):
        ask(Client(), "nobody")
    assert ask(Client(), spelt).status_code == 429


@pytest.mark.parametrize("how", ["by link", "by himself", "by an administrator"])
def test_a_code_dies_with_the_password_it_was_to_replace(client: Client, wang: User, how: str) -> None:
    ask(client, via="mobile")
    code = last_secret()
    new = "yet another horse battery"
    if how == "by link":
        other = Client()
        ask(other)
        choose(other, last_secret(), new)
    elif how == "by himself":
        other = Client()
        log_in(other, "wang")
        other.post("/account/password", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    else:
        form = {"usable_password": "true", "password1": new, "password2": new}
        other = Client()
        other.force_login(a_superuser())
        other.post(f"/admin/accounts/user/{wang.pk}/password/", form)
    wang.refresh_from_db()
    assert wang.check_password(new)
    assert prove(client, code).headers["Location"] == "/account/forgotten"
    wang.refresh_from_db()
    assert wang.check_password(new)


def test_of_two_codes_the_second_dies_with_the_use_of_the_first(client: Client, wang: User) -> None:
    ask(client, via="mobile")
    code, another = last_secret(), Client()
    ask(another, via="mobile")
    assert prove(another, last_secret()).headers["Location"] == "/login"
    assert prove(client, code).headers["Location"] == "/account/forgotten"


def asked_from(network: int, name: str = "wang") -> object:
    return Client().post("/account/forgotten", {"name": name, "via": "email"}, REMOTE_ADDR=f"203.0.113.{network}")


def test_who_has_letters_sent_to_somebody_leaves_him_one_an_hour(wang: User) -> None:
    for name in ("wang", "nobody"):
        assert [asked_from(number // 5, name).status_code for number in range(20)] == [302] * 20
        assert [asked_from(number, name).status_code for number in range(10, 13)] == [302, 429, 429]
        assert 0 < int(asked_from(14, name).headers["Retry-After"]) <= 3600
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        assert [asked_from(number).status_code for number in range(20, 22)] == [302, 429]
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=False):
        assert [asked_from(number).status_code for number in range(30, 32)] == [302, 302]


def test_a_browser_in_which_he_has_logged_in_before_counts_apart(wang: User, settings: object) -> None:
    his, network = Client(), "203.0.113.1"
    log_in(his, "wang")
    his.post("/logout")
    for number in range(22):
        asked_from(number)
    settings.LETTER_NETWORK_LIMIT = 0
    assert asked_from(1).status_code == 429
    for name in ("wang", NUMBER, "wang", "wang", "wang"):
        form = {"name": name, "via": "mobile"}
        assert his.post("/account/forgotten", form, REMOTE_ADDR=network).status_code == 302
    assert ask(his).status_code == 429
    form = {"name": "nobody", "via": "mobile"}
    assert his.post("/account/forgotten", form, REMOTE_ADDR=network).status_code == 429


def test_letters_of_one_network_are_limited_over_all_names(wang: User, settings: object) -> None:
    settings.LETTER_NETWORK_LIMIT = 3
    assert [asked_from(1, f"name{number}").status_code for number in range(5)] == [302] * 3 + [429] * 2
    assert asked_from(2).status_code == 302


def test_a_code_to_register_is_no_good_to_reset(client: Client, wang: User) -> None:
    a_person(number="2024010102", mobile="+8619900000033")
    client.post("/account/register", {"number": "2024010102"})
    client.post("/account/register/choose", {"via": "mobile"})
    assert prove(client, last_secret()).headers["Location"] == "/account/forgotten"
