"""Every page on a phone and on a desktop: it fits and loads nothing from elsewhere; and what the scripts do."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import User
from apps.accounts.tests import factories as accounts
from apps.channels import services as channels
from apps.core import alerts
from apps.delivery import services as delivery
from apps.delivery.models import Delivery, Recipient
from apps.directory.models import OrgUnit, Person
from apps.directory.tests import factories as directory
from apps.messaging import services as messaging
from apps.messaging.models import Message, MessageType, Template
from apps.messaging.tests import factories as messages
from tests.browser.conftest import DESKTOP, PHONE, Reader

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
PASSWORD = "a password for tests"


@dataclass
class Site:
    url: str
    draft: int
    sent: int
    entry: int
    groups: tuple[OrgUnit, OrgUnit]


@pytest.fixture
def site(live_server: LiveServer, transactional_db: None) -> Site:
    school = directory.a_school("示例学校")
    college = directory.a_unit("信息工程学院", kind=OrgUnit.Kind.COLLEGE, parent=school)
    groups = directory.a_class(college, "软件2401班", students=2), directory.a_class(college, "网络2402班", students=1)
    office = directory.a_department(school, "教务处")
    author = accounts.an_author(office, username="author", password=PASSWORD, person=directory.a_person(groups[0]))
    draft = messages.a_message(author, office, to=groups[0], title="草稿" + "很长的标题" * 20)
    sent = messages.a_published_message(author, office, to=groups[0], channels=("inbox", "email"), title="长" * 150)
    delivery.freeze(sent, after=0, up_to=Person.objects.latest("pk").pk)
    kind = MessageType.objects.get(key="notice")
    Template.objects.create(type=kind, name="会议", title="会议通知", content="请按时到会。")
    entry = Recipient.objects.get(person=author.person)
    return Site(live_server.url, draft.pk, sent.pk, entry.pk, groups)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_page_fits_and_keeps_the_rules(
    site: Site, reader_at: Callable[..., Reader], size: tuple[int, int]
) -> None:
    reader = reader_at(site.url, size)
    reader.log_in("author", PASSWORD)
    pages = ["/inbox/", f"/inbox/{site.entry}", "/console/", "/console/new", "/console/sandbox"]
    pages += [f"/console/{site.draft}", f"/console/{site.draft}/change", f"/console/{site.draft}/publish"]
    for path in [*pages, f"/console/{site.sent}"]:
        reader.go(path)
        assert reader.fits(), path


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_pages_of_the_brakes_fit(site: Site, reader_at: Callable[..., Reader], size: tuple[int, int]) -> None:
    accounts.a_superuser(username="head", password=PASSWORD)
    Delivery.objects.update(status="failed", reason="unconfirmed")
    messaging.pause(Message.objects.get(pk=site.sent), by=User.objects.get(username="author"))
    channels.stop_all(reason="长" * 150, by=None)
    alerts.raise_alert(alerts.Kind.MESSAGE_STUCK, str(site.sent), "channel_paused")
    alerts.raise_alert(alerts.Kind.DOORBELL_FAILED, "broker", "Error 111 connecting to 127.0.0.1:6379. " * 5)
    reader = reader_at(site.url, size)
    reader.log_in("head", PASSWORD)
    for path in ("/console/", "/console/sending", "/console/sending/stop"):
        reader.go(path)
        assert reader.fits(), path
    for path in (f"/console/{site.sent}", f"/console/{site.sent}/resend"):
        reader.go(path)
        assert reader.fits(), path


def test_a_message_shows_that_it_was_paused_elsewhere(site: Site, reader_at: Callable[..., Reader]) -> None:
    reader = reader_at(site.url)
    reader.log_in("author", PASSWORD)
    reader.go(f"/console/{site.sent}")
    expect(reader.page.locator("#head .badge.paused")).to_have_count(0)
    author = User.objects.get(username="author")
    messaging.pause(Message.objects.get(pk=site.sent), by=author)
    channels.stop_all(reason="文字有误", by=None)
    expect(reader.page.locator("#head .badge.paused")).to_be_visible()
    expect(reader.page.locator("[data-channel=email] [data-paused]")).to_be_visible()
    reader.page.get_by_role("button", name="恢复").click()
    expect(reader.page.locator("#head .badge.paused")).to_have_count(0)
    assert not Message.objects.get(pk=site.sent).paused


def test_choosing_a_college_takes_its_classes_along(site: Site, reader_at: Callable[..., Reader]) -> None:
    reader = reader_at(site.url)
    reader.log_in("author", PASSWORD)
    reader.go("/console/new")
    picker = reader.page.locator("[data-picker]").first
    expect(picker.get_by_label("软件2401班")).to_be_hidden()
    picker.locator("[data-search]").fill("2401")
    expect(picker.get_by_label("软件2401班")).to_be_visible()
    expect(picker.get_by_label("网络2402班")).to_be_hidden()
    picker.get_by_label("信息工程学院", exact=True).check()
    expect(picker.get_by_label("软件2401班")).to_be_disabled()
    expect(picker.locator("[data-chosen]")).to_have_text("信息工程学院")


def test_all_units_are_chosen_and_let_go_by_one_button(site: Site, reader_at: Callable[..., Reader]) -> None:
    directory.a_department(OrgUnit.objects.get(name="示例学校"), "后勤处")
    reader = reader_at(site.url)
    reader.log_in("author", PASSWORD)
    reader.go("/console/new")
    chosen = reader.page.locator("[data-chosen]").first
    reader.page.get_by_role("button", name="全选").click()
    expect(chosen).to_have_text("信息工程学院 · 教务处")
    reader.page.get_by_role("button", name="全选").click()
    expect(chosen).to_have_text("尚未选择")


def test_a_template_fills_title_and_content(site: Site, reader_at: Callable[..., Reader]) -> None:
    reader = reader_at(site.url)
    reader.log_in("author", PASSWORD)
    reader.go("/console/new")
    expect(reader.page.locator("#template")).to_be_hidden()
    reader.page.select_option("[name=type]", label="通知")
    reader.page.select_option("#template", label="会议")
    expect(reader.page.locator("[name=title]")).to_have_value("会议通知")
    expect(reader.page.locator("[name=content]")).to_have_value("请按时到会。")


def test_progress_is_asked_for_again_and_drawn_when_it_changes(site: Site, reader_at: Callable[..., Reader]) -> None:
    reader = reader_at(site.url)
    reader.log_in("author", PASSWORD)
    statuses: list[int] = []
    reader.page.on("response", lambda one: statuses.append(one.status) if one.url.endswith("/progress") else None)
    with reader.page.expect_response(lambda one: one.url.endswith("/progress") and one.status == 304):
        reader.go(f"/console/{site.sent}")
        expect(reader.page.locator("[data-read]")).to_have_text("0")
    Recipient.objects.filter(pk=site.entry).update(read_at="2026-01-01T00:00:00Z")
    expect(reader.page.locator("[data-read]")).to_have_text("1")
    assert statuses[:2] == [200, 304]


def test_recall_asks_first(site: Site, reader_at: Callable[..., Reader]) -> None:
    reader = reader_at(site.url)
    reader.log_in("author", PASSWORD)
    reader.go(f"/console/{site.sent}")
    reader.page.get_by_role("button", name="撤回…").click()
    reader.page.get_by_role("dialog").get_by_role("button", name="撤回", exact=True).click()
    expect(reader.page.locator("#head")).to_contain_text("已撤回")
    assert messaging.Message.objects.get(pk=site.sent).status == "recalled"


def test_a_double_click_writes_one_draft(site: Site, reader_at: Callable[..., Reader]) -> None:
    reader = reader_at(site.url)
    reader.log_in("author", PASSWORD)
    reader.go("/console/new")
    reader.page.fill("[name=title]", "只有一份")
    reader.page.fill("[name=content]", "内容")
    reader.page.get_by_label("示例学校", exact=True).first.check()
    reader.page.dblclick("button[name=save]")
    expect(reader.page.locator("#head")).to_contain_text("只有一份")
    assert messaging.Message.objects.filter(title="只有一份").count() == 1


def test_a_scheduled_message_shows_when_it_has_begun(site: Site, reader_at: Callable[..., Reader]) -> None:
    sent = messaging.Message.objects.filter(pk=site.sent)
    sent.update(status="scheduled", publish_at="2027-01-05T00:30:00Z", audience_size=0)
    reader = reader_at(site.url)
    reader.log_in("author", PASSWORD)
    reader.go(f"/console/{site.sent}")
    expect(reader.page.locator("#note")).to_contain_text("将于 2027-01-05 08:30 发布")
    sent.update(status="published", audience_size=2)
    expect(reader.page.locator("#head")).to_contain_text("已发布", timeout=10_000)
    expect(reader.page.locator("#note")).to_be_empty()
