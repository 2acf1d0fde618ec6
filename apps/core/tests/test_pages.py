"""The door: login, home, language, and what a page may load."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.tests import factories as accounts
from apps.directory.tests import factories as directory

pytestmark = pytest.mark.django_db


def test_whoever_holds_a_role_starts_in_the_console(client: Client) -> None:
    client.force_login(accounts.an_author(directory.a_school()))
    assert client.get("/").headers["Location"] == reverse("console:list")


def test_everybody_else_starts_in_the_inbox(client: Client) -> None:
    client.force_login(accounts.a_user())
    assert client.get("/").headers["Location"] == reverse("inbox:list")


@pytest.mark.parametrize("address", ["/", "/inbox/", "/console/", "/console/new", "/console/1", "/console/sandbox"])
def test_nobody_sees_a_page_without_logging_in(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.headers["Location"] == f"{reverse('account_login')}?next={address}"


def test_pages_are_chinese_until_the_reader_chooses_english(client: Client) -> None:
    assert '<html lang="zh-hans">' in client.get("/login", headers={"Accept-Language": "en"}).content.decode()
    client.post("/language", {"language": "en", "next": "/login"})
    assert '<html lang="en">' in client.get("/login").content.decode()


def test_only_who_has_business_there_sees_the_administration(client: Client) -> None:
    school = directory.a_school()
    client.force_login(accounts.a_user("reader", person=directory.a_person(school)))
    assert reverse("admin:index") not in client.get("/inbox/").content.decode()
    client.force_login(accounts.an_author(school))
    assert reverse("admin:index") in client.get("/console/").content.decode()


def test_a_page_that_does_not_exist_says_so_in_the_house_style(client: Client) -> None:
    client.force_login(accounts.a_user())
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "这里没有内容" in answer.content.decode()


def test_a_crash_has_a_page_that_asks_nothing_of_the_request(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("apps.inbox.selectors.entries", None)
    client.force_login(accounts.a_user(person=directory.a_person()))
    answer = client.get("/inbox/1")
    assert answer.status_code == 500
    assert "系统出了点问题" in answer.content.decode()


def test_a_page_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = client.get("/login")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "<style" not in answer.content.decode()
    assert "http" not in answer.content.decode().replace("http-equiv", "")


def test_a_page_that_names_no_icon_gets_ours(client: Client) -> None:
    assert client.get("/favicon.ico").url == "/static/core/icon.svg"
