"""Rosters in the admin: upload, diff, correct, confirm."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.core.tests.conftest import _no_rest_from_earlier_failures
from apps.directory.models import Person, RosterImport
from apps.directory.roster import reading, work
from apps.directory.tests.factories import a_person, a_roster
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, compared, text

__all__ = ["_no_rest_from_earlier_failures"]

pytestmark = pytest.mark.django_db
ADD = "admin:directory_rosterimport_add"
LIST = "admin:directory_rosterimport_changelist"
CONTENT = text(HEADER[:4], ("1001", "张伟", "软件2401", "19900000101"), ("1002", "王芳", "没有的班", "12"))


def page_of(roster: RosterImport, verb: str = "change") -> str:
    return reverse(f"admin:directory_rosterimport_{verb}", args=[roster.pk])


@pytest.fixture
def manager(school: School, client: Client, rung: list) -> Client:
    client.force_login(school.manager)
    return client


def upload(client: Client, school: School, content: bytes = CONTENT, **fields: object) -> object:
    posted = {"file": SimpleUploadedFile("名单.csv", content), "unit": school.college.pk, "complete": "on", **fields}
    return client.post(reverse(ADD), posted)


def test_upload_diff_apply(manager: Client, school: School) -> None:
    answer = upload(manager, school)
    roster = RosterImport.objects.get()
    assert answer.url == page_of(roster)
    assert (roster.created_by, roster.complete, roster.create_units) == (school.manager, True, False)
    waiting = manager.get(page_of(roster)).content.decode()
    assert "<progress" in waiting
    work.read(roster.pk)
    page = manager.get(page_of(roster)).content.decode()
    assert all(word in page for word in ("张伟", "199****0101", "没有的班", "软件2401"))
    assert "19900000101" not in page
    manager.post(page_of(roster, "apply"))
    work.write(roster.pk)
    assert Person.objects.get().name == "张伟"
    assert manager.get(page_of(roster)).status_code == 200


def test_the_diff_is_narrowed_down_and_paged(manager: Client, school: School) -> None:
    rows = [(f"{number:04}", f"n{number}", "软件2401") for number in range(60)]
    roster = compared(text(HEADER[:3], *rows, ("9999", "王芳", "没有的班")), school.college)
    assert "王芳" not in manager.get(page_of(roster)).content.decode()
    assert "王芳" in manager.get(page_of(roster), {"p": 2}).content.decode()
    assert "n1<" not in manager.get(page_of(roster), {"kind": "unreadable"}).content.decode()


def test_many_leavers_take_a_tick(manager: Client, school: School) -> None:
    a_person(school.room, number="1009")
    roster = compared(CONTENT, school.college)
    assert 'name="let_leave"' in manager.get(page_of(roster)).content.decode()
    page = manager.post(page_of(roster, "apply"), follow=True)
    assert len(list(page.context["messages"])) == 1
    manager.post(page_of(roster, "apply"), {"let_leave": "yes"})
    roster.refresh_from_db()
    assert roster.state == "applying"


def test_columns_are_corrected(manager: Client, school: School) -> None:
    content = text(("证号", "姓名", "班级", "手机"), ("1001", "张伟", "软件2401", "19900000101"))
    roster = compared(content, school.college)
    assert roster.state == "failed"
    assert "证号" in manager.get(page_of(roster)).content.decode()
    fields = ["student_number", "name", "class_name", ""]
    manager.post(page_of(roster, "correct"), {"field": fields, "complete": "on", "create_units": "on"})
    work.read(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, roster.mapping) == ("ready", {"证号": "student_number", "手机": ""})
    assert [column["field"] for column in roster.columns] == fields
    assert "mobile" not in roster.changes.get(kind="new").values


def test_a_file_that_cannot_be_read_is_said_on_the_form(manager: Client, school: School) -> None:
    page = upload(manager, school, text(HEADER))
    assert "file" in page.context["adminform"].form.errors
    assert not RosterImport.objects.exists()


def test_the_file_is_looked_at_once(manager: Client, school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    check = reading.check
    monkeypatch.setattr(reading, "check", lambda content: (looked.append(1), check(content))[1])
    upload(manager, school)
    assert (looked, RosterImport.objects.get().total) == ([1], 3)


def test_a_foreign_unit_cannot_be_chosen(manager: Client, school: School) -> None:
    page = upload(manager, school, unit=school.other.pk)
    assert "unit" in page.context["adminform"].form.errors


def test_a_discarded_import_stays_as_a_record(manager: Client, school: School) -> None:
    roster = compared(CONTENT, school.college)
    manager.post(page_of(roster, "discard"))
    assert "张伟" not in manager.get(page_of(roster)).content.decode()
    assert RosterImport.objects.get().state == "discarded"


@pytest.mark.parametrize(
    ("name", "seen", "done"), [("manager", 200, 302), ("colleague", 403, 403), ("stranger", 302, 404)]
)
def test_three_people(name: str, seen: int, done: int, school: School, client: Client, rung: list) -> None:
    """What is foreign leads to the index of the admin, as what never was."""
    client.force_login(school.user(name))
    roster = compared(CONTENT, school.college)
    assert client.get(page_of(roster)).status_code == seen
    for verb in ("correct", "apply", "discard"):
        assert client.post(page_of(roster, verb)).status_code == done
    assert client.get(reverse(ADD)).status_code == (403 if name == "colleague" else 200)
    roster.refresh_from_db()
    assert (roster.state == "ready") == (name != "manager")


def test_a_verb_is_no_link(manager: Client, school: School) -> None:
    roster = a_roster(school.college)
    for verb in ("correct", "apply", "discard"):
        assert manager.get(page_of(roster, verb)).status_code == 405


def test_the_list_shows_what_each_did(manager: Client, school: School) -> None:
    a_roster(school.college, state="applied", counts={"new": 7, "left": 0})
    a_roster(school.other, file_name="foreign.csv")
    page = manager.get(reverse(LIST)).content.decode()
    assert "新增人员 7" in page
    assert "foreign.csv" not in page
