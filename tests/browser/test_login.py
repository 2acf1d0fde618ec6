"""The way in on a phone: registering, the second factor, a new password. Nothing is scrolled sideways or loaded from
elsewhere.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.login import second_factor
from apps.accounts.models import User
from apps.accounts.tests import factories as accounts
from apps.accounts.tests.logging_in import PASSWORD, code_of, last_secret
from apps.directory.tests import factories as directory
from tests.browser.conftest import PHONE, Reader

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
NUMBER, NEW = "2024010101", "another horse battery"
BUTTON = "main form button"


def seen(reader: Reader, path: str) -> None:
    expect(reader.page).to_have_url(reader.site + path)
    assert reader.fits(), path


def test_a_student_registers_and_later_has_a_new_password_sent(
    live_server: LiveServer, reader_at: Callable[..., Reader]
) -> None:
    directory.a_person(name="王芳", number=NUMBER, mobile="+8619900000051", email="wang@school.example")
    reader = reader_at(live_server.url, PHONE)
    reader.go("/login")
    reader.page.click("text=注册")
    seen(reader, "/account/register")
    reader.page.fill("[name=number]", NUMBER)
    reader.page.click(BUTTON)
    seen(reader, "/account/register/choose")
    reader.page.click(BUTTON)
    seen(reader, "/account/register/code")
    for name, value in (("code", last_secret()), ("password", PASSWORD), ("repeated", PASSWORD)):
        reader.page.fill(f"[name={name}]", value)
    reader.page.click(BUTTON)
    seen(reader, "/login")
    reader.page.click("text=忘记密码")
    reader.page.fill("[name=name]", NUMBER)
    reader.page.check("[value=email]")
    reader.page.click(BUTTON)
    seen(reader, "/account/forgotten/sent")
    reader.page.goto(last_secret())
    for name in ("new_password1", "new_password2"):
        reader.page.fill(f"[name={name}]", NEW)
    assert reader.fits()
    reader.page.click(BUTTON)
    seen(reader, "/login")
    reader.log_in(NUMBER, NEW)
    seen(reader, "/inbox/")


def test_an_author_sets_up_his_second_factor_before_he_gets_to_work(
    live_server: LiveServer, reader_at: Callable[..., Reader], settings: object
) -> None:
    settings.REQUIRE_TOTP = True
    author = accounts.an_author(directory.a_school(), username="author", password=PASSWORD)
    reader = reader_at(live_server.url, PHONE)
    reader.log_in("author", PASSWORD)
    seen(reader, "/account/second-factor/set-up?next=%2Fconsole%2F")
    secret = reader.page.inner_text("main code")
    reader.page.fill("[name=code]", code_of(secret))
    reader.page.click(BUTTON)
    seen(reader, "/account/recovery-codes")
    assert reader.page.locator("main li").count() == 10
    for path in ("/account/", "/account/password", "/account/second-factor", "/account/recovery-codes/new"):
        reader.go(path)
        seen(reader, path)
    reader.go("/console/")
    seen(reader, "/console/")
    assert second_factor.enabled(User.objects.get(pk=author.pk))
