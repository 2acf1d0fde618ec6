"""Where somebody is logged in, and what ends that."""

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from knox.models import get_token_model

from apps.accounts.models import User
from apps.accounts.tests.factories import a_client, a_superuser, a_user
from apps.accounts.tests.logging_in import PASSWORD, WRONG, is_in, log_in
from apps.audit.models import Entry

pytestmark = pytest.mark.django_db
NEW = "another horse battery"
DOOR = "/api/v1/channels"


@pytest.fixture
def wang(db: None) -> User:
    return a_user("wang", password=PASSWORD)


def logged_in(agent: str = "Firefox") -> Client:
    client = Client(headers={"User-Agent": agent})
    log_in(client, "wang")
    return client


def change(client: Client, *, old: str = PASSWORD, new: str = NEW) -> object:
    return client.post("/account/password", {"oldpassword": old, "password1": new, "password2": new})


def test_the_page_lists_browsers_and_tokens_of_oneself_alone(wang: User) -> None:
    a_user("li", password=PASSWORD)
    log_in(Client(headers={"User-Agent": "Opera"}), "li")
    here, _there = logged_in("Firefox"), logged_in("Chromium")
    a_client(wang)
    page = here.get("/account/").content.decode()
    assert ("Firefox" in page, "Chromium" in page, "Opera" in page) == (True, True, False)
    assert page.count("bi-person-gear") == 1
    assert "API" in page


def test_log_out_everywhere_ends_every_other_browser_and_token(wang: User) -> None:
    here, there, app = logged_in(), logged_in(), a_client(wang)
    other = a_client(a_user())
    here.post("/account/sessions")
    assert is_in(here)
    assert not is_in(there)
    assert (app.get(DOOR).status_code, other.get(DOOR).status_code) == (401, 200)
    entry = Entry.objects.get(verb="end_sessions")
    assert (entry.actor_id, entry.details) == (wang.pk, {"browsers": 1, "tokens": 1})


def test_it_takes_a_post(wang: User) -> None:
    here, there = logged_in(), logged_in()
    for method in ("get", "head"):
        getattr(here, method)("/account/sessions")
    assert is_in(there)


def test_a_new_password_ends_everything_else_and_is_on_record(wang: User) -> None:
    here, there, app = logged_in(), logged_in(), a_client(wang)
    assert change(here).status_code == 302
    assert (is_in(here), is_in(there), app.get(DOOR).status_code) == (True, False, 401)
    assert log_in(Client(), "wang").status_code == 200
    assert log_in(Client(), "wang", NEW).status_code == 302
    verbs = set(Entry.objects.filter(actor_id=wang.pk).values_list("verb", flat=True))
    assert {"change_password", "end_sessions"} <= verbs
    assert "horse" not in str(list(Entry.objects.values()))
    assert is_in(here)
    here.post("/account/sessions")
    assert is_in(here)


def test_the_old_password_is_asked_for_as_often_as_at_the_door(wang: User) -> None:
    here = logged_in()
    answers = [change(here, old=WRONG).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]
    assert not get_token_model().objects.exists()
    wang.refresh_from_db()
    assert wang.check_password(PASSWORD)


@pytest.mark.parametrize("weak", ["short", "1234567890", "password123", "wangwang1"])
def test_a_weak_password_is_refused(wang: User, weak: str) -> None:
    assert change(logged_in(), new=weak).status_code == 200
    wang.refresh_from_db()
    assert wang.check_password(PASSWORD)


def test_tokens_die_when_somebody_else_sets_the_password(wang: User, client: Client) -> None:
    app, there = a_client(wang), logged_in()
    client.force_login(a_superuser())
    form = {"usable_password": "true", "password1": NEW, "password2": NEW}
    assert client.post(f"/admin/accounts/user/{wang.pk}/password/", form).status_code == 302
    assert (app.get(DOOR).status_code, is_in(there)) == (401, False)


def listed(client: Client) -> list[bool]:
    """Of each browser on the page, whether it is this one."""
    return [current for _session, current in client.get("/account/").context["browsers"]]


@pytest.mark.parametrize("spelt", ["{}", "0{}"])
def test_one_s_own_password_is_changed_in_one_place(client: Client, spelt: str) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD, pk=7)
    client.force_login(root)
    address, form = f"/admin/accounts/user/{spelt.format(root.pk)}/password/", {"password1": NEW, "password2": NEW}
    for answer in (client.get(address), client.post(address, {"usable_password": "true", **form})):
        assert answer.headers["Location"] == "/account/password"
    root.refresh_from_db()
    assert root.check_password(PASSWORD)


def test_whoever_sets_another_s_password_stays_in_the_list_of_his_own_sessions(wang: User) -> None:
    a_superuser(username="root", password=PASSWORD)
    here, there = Client(), Client()
    for client in (here, there):
        log_in(client, "root")
    form = {"usable_password": "true", "password1": NEW, "password2": NEW}
    assert here.post(f"/admin/accounts/user/{wang.pk}/password/", form).status_code == 302
    assert sorted(listed(here)) == [False, True]
    there.post("/account/sessions")
    assert (is_in(there), is_in(here)) == (True, False)


def test_a_session_that_is_over_is_not_listed(wang: User) -> None:
    here, there, third = logged_in(), logged_in(), logged_in()
    Session.objects.filter(session_key=there.session.session_key).delete()
    Session.objects.filter(session_key=third.session.session_key).update(expire_date=timezone.now())
    assert listed(here) == [True]
    assert UserSession.objects.count() == 1


def test_a_superuser_ends_the_sessions_of_somebody_else(wang: User, client: Client) -> None:
    app, there = a_client(wang), logged_in()
    client.force_login(a_superuser())
    client.post("/admin/accounts/user/", {"action": "end_sessions", "_selected_action": [wang.pk]})
    assert (app.get(DOOR).status_code, is_in(there)) == (401, False)


def test_a_password_that_is_only_hashed_anew_ends_nothing(wang: User, settings: object) -> None:
    app = a_client(wang)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    logged_in()
    assert app.get(DOOR).status_code == 200
