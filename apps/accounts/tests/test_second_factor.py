"""The second factor: who needs one, what it opens, and that a code opens once."""

import pytest
from django.test import Client
from knox.models import get_token_model

from apps.accounts.login import second_factor
from apps.accounts.models import User
from apps.accounts.tests.factories import a_client, a_superuser, a_user, an_author
from apps.accounts.tests.logging_in import (
    ELSEWHERE,
    PASSWORD,
    a_second_factor,
    code_of,
    is_in,
    log_in,
    recovery_codes,
)
from apps.audit.models import Entry
from apps.core.errors import InvalidInput
from apps.core.tests.api import refusals
from apps.core.tests.threads import together
from apps.directory.tests.factories import a_department, a_person, a_school

pytestmark = pytest.mark.django_db
LOGIN = "/api/v1/login"
SET_UP = "/account/second-factor/set-up"
WRONG_CODE = "000000"


@pytest.fixture
def wanted(settings: object) -> None:
    settings.REQUIRE_TOTP = True


@pytest.fixture
def author(db: None) -> User:
    return an_author(a_department(a_school()), username="wang", password=PASSWORD, person=a_person())


def api_login(**more: str) -> object:
    return a_client().post(LOGIN, {"username": "wang", "password": PASSWORD, **more})


def verbs() -> list[str]:
    return list(Entry.objects.order_by("pk").values_list("verb", flat=True))


# --- who needs one ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/console/", "/console/new", "/admin/", "/nowhere"])
def test_an_author_without_one_is_led_to_set_it_up(client: Client, wanted: None, author: User, path: str) -> None:
    log_in(client, "wang")
    answer = client.get(path)
    assert answer.headers["Location"].startswith(f"{SET_UP}?next=")
    assert client.get(SET_UP).status_code == 200


@pytest.mark.parametrize("path", ["/inbox/", "/account/", "/account/password"])
def test_his_inbox_stays_open(client: Client, wanted: None, author: User, path: str) -> None:
    log_in(client, "wang")
    assert client.get(path).status_code == 200


def test_whoever_only_reads_needs_none(client: Client, wanted: None) -> None:
    a_user("reader", password=PASSWORD, person=a_person())
    log_in(client, "reader")
    assert client.get("/", follow=True).status_code == 200
    assert a_client().post(LOGIN, {"username": "reader", "password": PASSWORD}).status_code == 200


def test_a_superuser_needs_one_although_there_are_no_units_yet(wanted: None) -> None:
    assert second_factor.owed(a_superuser())


def test_the_api_refuses_him_by_password_by_session_and_by_an_older_token(wanted: None, author: User) -> None:
    assert refusals(api_login(), 403) == [("totp_setup_required", None)]
    assert not get_token_model().objects.exists()
    assert refusals(a_client(author).get("/api/v1/channels"), 403) == [("totp_setup_required", None)]
    client = a_client()
    client.force_login(author)
    assert refusals(client.get("/api/v1/channels"), 403) == [("totp_setup_required", None)]
    assert a_client(author).get("/api/v1/inbox").status_code == 200


def test_who_has_one_goes_where_he_likes(client: Client, wanted: None, author: User) -> None:
    a_second_factor(author)
    client.force_login(author)
    assert client.get("/console/").status_code == 200
    assert a_client(author).get("/api/v1/channels").status_code == 200


def test_who_needs_it_cannot_take_it_off(client: Client, wanted: None, author: User) -> None:
    secret = a_second_factor(author)
    log_in(client, "wang")
    client.post("/login/code", {"code": code_of(secret)})
    assert is_in(client)
    client.post("/account/second-factor/remove", {})
    assert second_factor.enabled(author)


def test_without_the_rule_nobody_is_asked(client: Client, author: User) -> None:
    log_in(client, "wang")
    assert client.get("/console/").status_code == 200
    assert api_login().status_code == 200


# --- setting it up ----------------------------------------------------------------------------------------------------
def test_setting_it_up_takes_a_code_and_gives_recovery_codes(client: Client, author: User) -> None:
    log_in(client, "wang")
    secret = client.get(SET_UP).context["form"].secret
    assert client.post(SET_UP, {"code": WRONG_CODE}).status_code == 200
    assert not second_factor.enabled(author)
    answer = client.post(SET_UP, {"code": code_of(secret)}, follow=True)
    assert answer.redirect_chain[-1][0] == "/account/recovery-codes"
    assert len(answer.context["unused_codes"]) == 10
    assert second_factor.enabled(author)
    assert verbs().count("add_second_factor") == 1
    assert secret not in str(list(Entry.objects.values()))
    client.post("/account/recovery-codes/new", {})
    assert "new_recovery_codes" in verbs()
    client.post("/account/second-factor/remove", {})
    assert not second_factor.enabled(author)
    assert "remove_second_factor" in verbs()


def test_setting_it_up_ends_every_other_session_and_token(client: Client, author: User) -> None:
    """Who had got in by the password alone is out again."""
    there, app = Client(), a_client(author)
    log_in(there, "wang")
    log_in(client, "wang")
    secret = client.get(SET_UP).context["form"].secret
    client.post(SET_UP, {"code": WRONG_CODE})
    assert is_in(there)
    client.post(SET_UP, {"code": code_of(secret)})
    assert (is_in(client), is_in(there), app.get("/api/v1/channels").status_code) == (True, False, 401)
    assert verbs().count("end_sessions") == 1


@pytest.mark.parametrize("spaced", [False, True])
def test_the_code_that_set_it_up_opens_nothing_again(client: Client, author: User, spaced: bool) -> None:
    log_in(client, "wang")
    secret = client.get(SET_UP).context["form"].secret
    code = code_of(secret)
    client.post(SET_UP, {"code": f" {code[:3]}-{code[3:]}" if spaced else code})
    assert second_factor.enabled(author)
    assert refusals(api_login(code=code), 401) == [("totp_invalid", None)]
    assert api_login(code=code_of(secret, later=1)).status_code == 200


def test_whoever_logged_in_long_ago_says_once_more_that_it_is_he(client: Client, author: User) -> None:
    client.force_login(author)
    confirm = client.get(SET_UP).headers["Location"]
    assert confirm.startswith("/account/confirm?next=")
    for _ in range(10):
        assert client.post(confirm, {"password": "wrong"}).status_code == 200
    assert client.post(confirm, {"password": PASSWORD}).status_code == 429
    answer = client.post(confirm, {"password": PASSWORD}, REMOTE_ADDR=ELSEWHERE)
    assert answer.headers["Location"] == SET_UP
    assert client.get(SET_UP).status_code == 200


def test_the_secret_is_not_stored_as_it_is(author: User) -> None:
    secret = a_second_factor(author)
    assert secret not in str(list(author.authenticator_set.values()))


# --- using it ---------------------------------------------------------------------------------------------------------
def test_the_password_alone_opens_nothing(client: Client, author: User) -> None:
    a_second_factor(author)
    assert log_in(client, "wang").headers["Location"] == "/login/code"
    assert not is_in(client)
    client.get("/login/code")
    client.post("/login/code", {"code": WRONG_CODE})
    assert not is_in(client)
    assert "code_failed" in verbs()
    assert "login" not in verbs()


def test_password_and_code_open_the_door(client: Client, author: User) -> None:
    secret = a_second_factor(author)
    log_in(client, "wang", form={"next": "/inbox/"})
    assert client.post("/login/code", {"code": code_of(secret)}).headers["Location"] == "/inbox/"
    assert is_in(client)


def test_a_recovery_code_opens_it_once(author: User) -> None:
    a_second_factor(author)
    code = recovery_codes(author)[0]
    for opens in (True, False):
        client = Client()
        log_in(client, "wang")
        client.post("/login/code", {"code": code})
        assert is_in(client) is opens


def test_the_api_takes_the_code_with_the_password(author: User) -> None:
    secret = a_second_factor(author)
    assert refusals(api_login(), 401) == [("totp_required", None)]
    assert refusals(api_login(code=WRONG_CODE), 401) == [("totp_invalid", None)]
    assert api_login(code=code_of(secret)).status_code == 200
    assert refusals(api_login(code=code_of(secret)), 401) == [("totp_invalid", None)]
    assert api_login(code=recovery_codes(author)[3]).status_code == 200


def test_a_code_is_not_asked_for_before_the_password_is_right(author: User) -> None:
    a_second_factor(author)
    answer = a_client().post(LOGIN, {"username": "wang", "password": "wrong", "code": WRONG_CODE})
    assert refusals(answer, 401) == [("authentication_failed", None)]


@pytest.mark.django_db(transaction=True)
def test_of_two_that_come_at_once_with_one_code_one_gets_in(rf: object) -> None:
    user = a_user("wang")
    secret, spare = a_second_factor(user), recovery_codes(user)[0]
    for code in (code_of(secret), spare):
        results = together(*[lambda code=code: second_factor.check(rf.post("/login/code"), user, code)] * 4)
        assert sum(isinstance(one, InvalidInput) for one in results) == 3


def test_a_superuser_helps_whoever_has_lost_it(client: Client, author: User) -> None:
    secret, there, app = a_second_factor(author), Client(), a_client(author)
    log_in(there, "wang")
    there.post("/login/code", {"code": code_of(secret)})
    assert is_in(there)
    posted = {"action": "remove_second_factor", "_selected_action": [author.pk]}
    client.force_login(an_author(a_school()))
    client.post("/admin/accounts/user/", posted)
    assert second_factor.enabled(author)
    client.force_login(a_superuser())
    client.post("/admin/accounts/user/", posted)
    assert not second_factor.enabled(author)
    assert Entry.objects.filter(verb="remove_second_factor", object_id=author.pk).count() == 1
    assert (is_in(there), app.get("/api/v1/channels").status_code) == (False, 401)
