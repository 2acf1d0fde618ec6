"""One walk with real workers: an author writes and publishes, the bars fill, a student reads on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Reader
from tests.services.stack import Stack

STUDENTS = 300
SCHOOL = f"""
    from apps.accounts.tests import factories as accounts
    from apps.directory.tests import factories as directory
    school = directory.a_school("示例学校")
    office = directory.a_department(school, "教务处")
    group = directory.a_class(school, "软件2401班", students={STUDENTS - 1})
    directory.a_class(school, "护理2402班", students=3)
    li = directory.a_person(group, name="李雷", email="lilei@school.example")
    accounts.an_author(office, username="author", password="write it down")
    accounts.a_user("lilei", person=li, password="read it up")
"""


@pytest.fixture
def site(live_stack: Callable[..., Stack]) -> str:
    stack = live_stack(MSGCENTER_RING_AGAIN_SECONDS="3")
    stack.shell(SCHOOL)
    stack.worker()
    stack.beat()
    return stack.web().url


def write(author: Reader) -> None:
    page = author.page
    page.click("text=写消息")
    page.select_option("[name=type]", label="通知")
    expect(page.get_by_label("邮件")).to_be_checked()
    page.fill("[name=title]", "停水通知")
    page.fill("[name=content]", "((name))同学：\n\n周五停水，详见 https://www.school.example/water 。")
    page.get_by_placeholder("搜索部门、班级").first.fill("软件")
    page.get_by_label("软件2401班").first.check()
    page.click("button[name=publish]")


def publish_and_watch(author: Reader) -> None:
    page = author.page
    expect(page.locator(".reach strong")).to_have_text(str(STUDENTS))
    page.get_by_role("button", name="立即发布").click()
    email = page.locator("[data-channel=email] [data-bar]")
    expect(email).to_have_attribute("aria-valuenow", "100", timeout=30_000)
    counts = page.locator("[data-channel=email] [data-counts]")
    expect(counts).to_contain_text("已提交 1")
    expect(counts).to_contain_text(f"{STUDENTS - 1} · 此人没有该渠道的联系方式。")
    expect(page.locator("#head")).to_contain_text("已完成", timeout=30_000)
    expect(page.locator("[data-said]")).to_have_text("全部投递已完结。")


def read(student: Reader) -> None:
    page = student.page
    expect(page).to_have_title("收件箱 · 消息中心")
    expect(page.locator("[data-unread]")).to_contain_text("1")
    page.get_by_text("停水通知").click()
    expect(page.locator(".message-text")).to_contain_text("李雷同学：")
    expect(page.locator(".message-text a")).to_have_attribute("href", "https://www.school.example/water")
    expect(page.locator("[data-unread]")).to_have_count(0)
    assert student.fits()


def test_from_writing_to_reading(site: str, reader_at: Callable[..., Reader]) -> None:
    author = reader_at(site)
    author.log_in("author", "write it down")
    write(author)
    publish_and_watch(author)

    student = reader_at(site, PHONE)
    student.log_in("lilei", "read it up")
    read(student)
    student.page.locator("nav .dropdown-toggle").click()
    student.page.get_by_role("button", name="English").click()
    expect(student.page.locator("html")).to_have_attribute("lang", "en")
    expect(student.page.locator("nav")).to_contain_text("Inbox")

    author.page.reload()
    expect(author.page.locator("[data-read]")).to_have_text("1")
