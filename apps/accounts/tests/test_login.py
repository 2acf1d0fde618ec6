"""The page to log in, and that there is no other door."""

from typing import Any, ClassVar

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.tests.factories import a_superuser, a_user
from apps.accounts.tests.logging_in import PASSWORD, WRONG, is_in, log_in
from apps.audit.models import Entry
from apps.core.tests.threads import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def wang(db: None) -> User:
    return a_user("wang", password=PASSWORD)


def test_name_and_password_open_the_door(client: Client, wang: User) -> None:
    assert log_in(client, "wang").headers["Location"] == "/"
    assert is_in(client)
    assert Entry.objects.filter(verb="login", actor_id=wang.pk).count() == 1


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/inbox/?show=unread", "/inbox/?show=unread"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("\t//evil.example", "/"),
    ],
)
def test_input_57_after_the_login_it_goes_on_to_a_page_of_ours_only(
    client: Client, wang: User, wanted: str, given: str
) -> None:
    assert log_in(client, "wang", form={"next": wanted}).headers["Location"] == given


def test_a_wrong_password_an_unknown_and_an_inactive_name_get_the_same_answer(client: Client, wang: User) -> None:
    a_user("left", password=PASSWORD, is_active=False)
    tried = [("wang", WRONG), ("nobody", WRONG), ("left", PASSWORD)]
    pages = [log_in(client, *each).content.decode().replace(each[0], "") for each in tried]
    assert "密码" in pages[0]
    assert len({page.split("<main")[1] for page in map(_without_token, pages)}) == 1
    assert not is_in(client)


def _without_token(page: str) -> str:
    start = page.index("csrfmiddlewaretoken", page.index("<main"))
    return page[:start] + page[page.index(">", start) :]


class CountingHasher(MD5PasswordHasher):
    algorithm = "counting"
    hashed: ClassVar[list[str]] = []

    def encode(self, password: str, salt: str) -> str:
        self.hashed.append(password)
        return super().encode(password, salt)


@pytest.mark.parametrize("name", ["wang", "nobody", "left", "unset"])
def test_a_wrong_password_costs_one_hash_whether_there_is_such_a_name_or_not(
    client: Client, settings: Any, name: str
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    a_user("wang", password=PASSWORD)
    a_user("left", password=PASSWORD, is_active=False)
    a_user("unset")
    CountingHasher.hashed.clear()
    log_in(client, name, WRONG)
    assert len(CountingHasher.hashed) == 1


def test_cookies_of_the_session_are_out_of_reach(client: Client, wang: User) -> None:
    log_in(client, "wang")
    for name in ("sessionid", "known_device"):
        cookie = client.cookies[name]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_session_ends_with_the_browser_unless_asked_otherwise(client: Client, wang: User) -> None:
    log_in(client, "wang")
    assert client.cookies["sessionid"]["max-age"] == ""
    client.post("/logout")
    log_in(client, "wang", form={"remember": "on"})
    assert client.cookies["sessionid"]["max-age"] > 0


def test_logging_in_gives_a_new_session(client: Client, wang: User) -> None:
    client.get("/login")
    session = client.session
    session["planted"] = "x"
    session.save()
    client.cookies["sessionid"] = before = session.session_key
    log_in(client, "wang")
    assert client.cookies["sessionid"].value != before


@pytest.mark.parametrize("address", ["/admin/login/", "/admin/login/?next=/admin/", "/admin/"])
def test_the_admin_has_no_door_of_its_own(client: Client, address: str) -> None:
    a_superuser(username="root", password=PASSWORD)
    answer = client.get(address, follow=True)
    assert answer.redirect_chain[-1][0] == "/login?next=/admin/"
    client.post("/admin/login/", {"username": "root", "password": PASSWORD})
    assert not is_in(client)
    assert log_in(client, "root", form={"next": "/admin/"}).headers["Location"] == "/admin/"


def test_somebody_without_access_to_the_admin_is_told_so(client: Client, wang: User) -> None:
    client.force_login(wang)
    assert client.get("/admin/", follow=True).status_code == 403


def test_passwords_are_changed_in_one_place(client: Client) -> None:
    client.force_login(a_superuser())
    assert client.get("/admin/password_change/").headers["Location"] == reverse("account_change_password")


def test_logout_takes_a_post(client: Client, wang: User) -> None:
    log_in(client, "wang")
    assert client.get("/logout").status_code == 200
    assert is_in(client)
    client.post("/logout")
    assert not is_in(client)


PAGES = [
    "/login",
    "/logout",
    "/account/",
    "/account/password",
    "/account/confirm",
    "/account/second-factor",
    "/account/second-factor/set-up",
    "/account/recovery-codes",
    "/account/recovery-codes/new",
    "/account/register",
    "/account/forgotten",
    "/account/forgotten/sent",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_in_both_languages_and_loads_nothing_from_elsewhere(
    client: Client, wang: User, path: str
) -> None:
    log_in(client, "wang")
    for language in ("en", "zh-hans"):
        client.cookies["django_language"] = language
        answer = client.get(path)
        if answer.status_code == 302:
            assert path in ("/login", "/account/confirm", "/account/register")
            answer = Client(headers={"Cookie": f"django_language={language}"}).get(path)
        if path == "/account/recovery-codes":
            assert answer.status_code == 404
            return
        page = answer.content.decode()
        assert f'<html lang="{language}">' in page or answer.status_code == 302
        assert "<style" not in page
        assert 'src="http' not in page


@pytest.mark.parametrize("path", [*PAGES, "/admin/login/", "/account/register/choose", "/account/register/code"])
def test_looking_ahead_by_head_changes_nothing(client: Client, wang: User, path: str) -> None:
    log_in(client, "wang")
    before = dict(client.session.items()), Entry.objects.count()
    client.head(path)
    assert (dict(client.session.items()), Entry.objects.count()) == before


@pytest.mark.django_db(transaction=True)
def test_two_who_log_in_at_once_with_one_name_both_get_in() -> None:
    a_user("wang", password=PASSWORD)
    clients = [Client() for _ in range(4)]
    together(*[lambda client=client: log_in(client, "wang") for client in clients])
    assert all(map(is_in, clients))
