"""A roster from the upload to its end in the admin, on a phone and on a desktop."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.tests import factories as accounts
from apps.directory.models import Person, RosterImport
from apps.directory.roster import work
from apps.directory.tests.factories import a_class, a_person, a_school
from apps.directory.tests.roster.rosters import HEADER, text
from tests.browser.conftest import DESKTOP, PHONE, Reader

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
PASSWORD = "a password for tests"


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_upload_look_and_confirm(
    size: tuple[int, int], live_server: LiveServer, reader_at: Callable[..., Reader], tmp_path: Path
) -> None:
    school = a_school("示例学校")
    a_person(a_class(school, "软件2401"), number="1009", name="赵敏")
    accounts.a_superuser(username="head", password=PASSWORD)
    file = tmp_path / "名单.csv"
    file.write_bytes(text(HEADER, ("1001", "张伟", "软件2401", "19900000101"), ("1002", "王" * 60, "没有的班" * 9)))
    reader = reader_at(live_server.url, size)
    reader.log_in("head", PASSWORD)
    reader.go("/admin/directory/rosterimport/add/")
    assert reader.fits()
    reader.page.set_input_files("[name=file]", file)
    reader.page.click("[name=_save]")
    expect(reader.page.locator("progress")).to_be_visible()
    assert reader.fits()
    # The page follows by itself.
    work.read(RosterImport.objects.get().pk)
    expect(reader.page.locator("tr[data-kind=new]")).to_contain_text("张伟")
    expect(reader.page.locator("tr[data-kind=left]")).to_contain_text("赵敏")
    assert reader.fits()
    reader.page.check("[name=let_leave]")
    reader.page.get_by_role("button", name="按所示写入").click()
    expect(reader.page.locator("progress")).to_be_visible()
    work.write(RosterImport.objects.get().pk)
    expect(reader.page.locator("[data-roster=applied]")).to_be_visible()
    assert reader.fits()
    assert set(Person.objects.values_list("number", "state")) == {("1001", "active"), ("1009", "left")}


def test_columns_are_corrected_on_the_page(
    live_server: LiveServer, reader_at: Callable[..., Reader], tmp_path: Path
) -> None:
    a_class(a_school("示例学校"), "软件2401")
    accounts.a_superuser(username="head", password=PASSWORD)
    file = tmp_path / "名单.csv"
    file.write_bytes(text(("证号", "姓名", "班级"), ("1001", "张伟", "软件2401")))
    reader = reader_at(live_server.url, PHONE)
    reader.log_in("head", PASSWORD)
    reader.go("/admin/directory/rosterimport/add/")
    reader.page.set_input_files("[name=file]", file)
    reader.page.click("[name=_save]")
    work.read(RosterImport.objects.get().pk)
    reader.page.get_by_label("证号").select_option("student_number")
    assert reader.fits()
    reader.page.get_by_role("button", name="重新读取").click()
    expect(reader.page.locator("progress")).to_be_visible()
    work.read(RosterImport.objects.get().pk)
    expect(reader.page.locator("tr[data-kind=new]")).to_contain_text("张伟")
