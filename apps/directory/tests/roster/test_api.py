"""Rosters over REST."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.accounts.tests.factories import a_client
from apps.core.tables import workbooks
from apps.core.tests.api import refusals
from apps.core.tests.conftest import _no_rest_from_earlier_failures
from apps.core.tests.test_workbooks import LAUGHS, changed
from apps.directory.models import Person, RosterImport
from apps.directory.roster import reading, work
from apps.directory.tests.factories import a_person
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, compared, text, workbook

__all__ = ["_no_rest_from_earlier_failures"]

pytestmark = pytest.mark.django_db
URL = "/api/v1/roster-imports"
CONTENT = text(HEADER[:4], ("1001", "张伟", "软件2401", "19900000101"), ("1002", "王芳", "没有的班", "12"))


def upload(client: APIClient, content: bytes = CONTENT, name: str = "名单.csv", **fields: object) -> object:
    return client.post(URL, {"file": SimpleUploadedFile(name, content), **fields}, format="multipart")


@pytest.fixture
def client(school: School, rung: list) -> APIClient:
    return a_client(school.manager)


def test_upload_diff_apply(client: APIClient, school: School, rung: list) -> None:
    answer = upload(client)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["state"], made["unit"], made["file_name"], made["complete"]) == (
        "reading",
        school.college.pk,
        "名单.csv",
        True,
    )
    assert answer["Location"] == made["url"]
    work.read(made["id"])
    one = client.get(made["url"]).json()
    assert (one["state"], one["done"], one["total"], one["asks"]) == ("ready", 2, 2, False)
    assert {"new": 1, "unreadable": 1}.items() <= one["counts"].items()
    changes = client.get(made["changes_url"]).json()["results"]
    assert [(line["kind"], line["line"]) for line in changes] == [("new", 2), ("unreadable", 3)]
    assert "19900000101" not in str(changes)
    assert changes[0]["values"]["mobile"] == ["", "199****0101"]
    assert client.post(f"{made['url']}/apply", {}).json()["state"] == "applying"
    work.write(made["id"])
    assert client.get(made["url"]).json()["state"] == "applied"
    assert Person.objects.get().name == "张伟"


def test_the_diff_is_paged_and_narrowed_down(client: APIClient, school: School) -> None:
    roster = compared(CONTENT, school.college)
    page = client.get(f"{URL}/{roster.pk}/changes?page_size=1").json()
    assert [line["line"] for line in page["results"]] == [2]
    assert [line["line"] for line in client.get(page["next"]).json()["results"]] == [3]
    found = client.get(f"{URL}/{roster.pk}/changes?kind=unreadable").json()["results"]
    assert [line["number"] for line in found] == ["1002"]
    assert refusals(client.get(f"{URL}/{roster.pk}/changes?kind=none"), 400) == [("invalid_choice", "kind")]


def test_columns_and_options_are_corrected(client: APIClient, school: School, rung: list) -> None:
    roster = compared(text(("证号", "姓名", "班级"), ("1001", "张伟", "软件2401")), school.college)
    answer = client.patch(f"{URL}/{roster.pk}", {"mapping": {"证号": "student_number"}, "complete": False})
    told = answer.json()
    assert (told["state"], told["complete"], told["create_units"]) == ("reading", False, False)
    work.read(roster.pk)
    one = client.get(f"{URL}/{roster.pk}").json()
    assert (one["state"], one["counts"]["new"]) == ("ready", 1)
    assert one["columns"][0] == {"title": "证号", "field": "student_number"}


@pytest.mark.parametrize("mapping", [{"a": "no such"}, ["a"], {"a": "name", "b": "name"}])
def test_a_mapping_that_cannot_be_is_400(mapping: object, client: APIClient, school: School) -> None:
    roster = compared(CONTENT, school.college)
    (problem,) = refusals(client.patch(f"{URL}/{roster.pk}", {"mapping": mapping}), 400)
    assert problem[1].startswith("mapping")


def test_many_leavers_are_409_until_they_are_meant(client: APIClient, school: School) -> None:
    a_person(school.room, number="1009")
    roster = compared(CONTENT, school.college)
    assert client.get(f"{URL}/{roster.pk}").json()["asks"]
    assert refusals(client.post(f"{URL}/{roster.pk}/apply", {}), 409) == [("many_leave", "let_leave")]
    assert client.post(f"{URL}/{roster.pk}/apply", {"let_leave": True}).status_code == 200
    assert refusals(client.post(f"{URL}/{roster.pk}/apply", {"let_leave": True}), 409) == [("conflict", None)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 no workbook",
        text(HEADER),
        '学号,姓名\n1,张伟\n2,"王芳\n'.encode(),
        b"\xd0\xcf\x11\xe0" + bytes(600),
        b"a,b\n\xff\xff\xff\n",
    ],
    ids=["empty", "no workbook", "header", "quote", "xls", "no text"],
)
def test_input_44_to_47_a_file_that_cannot_be_read_is_400_and_not_kept(content: bytes, client: APIClient) -> None:
    assert refusals(upload(client, content), 400) == [("file_unreadable", "file")]
    assert not RosterImport.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        text(HEADER, *([("1", "一")] * 60)),
        workbook(HEADER, *([("1", "一")] * 60)),
        changed(io.BytesIO(workbook(HEADER, ("1", "一"))), "xl/bomb.xml", bytes(1_000_001)).getvalue(),
        changed(io.BytesIO(workbook(HEADER, ("1", "一"))), workbooks.STRINGS, LAUGHS).getvalue(),
    ],
    ids=["rows of text", "rows of a workbook", "zip bomb", "declarations"],
)
def test_input_44_and_47_a_file_that_would_fill_the_memory_is_400_and_not_kept(
    content: bytes, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 30)
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 1_000_000)
    assert upload(client, workbook(HEADER, ("1", "一"))).status_code == 201
    RosterImport.objects.all().delete()
    assert refusals(upload(client, content), 400) == [("file_unreadable", "file")]
    assert not RosterImport.objects.exists()


def test_input_47_a_file_that_is_too_large_is_413(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    assert refusals(upload(client), 413) == [("too_large", None)]


def test_input_03_and_09_another_body_is_refused(client: APIClient) -> None:
    assert refusals(client.post(URL, {"file": "x"}), 415) == [("unsupported_media_type", None)]
    assert refusals(upload(client, nothing="x"), 400) == [("unknown_field", "nothing")]
    assert refusals(client.post(URL, {}, format="multipart"), 400) == [("required", "file")]


@pytest.mark.parametrize("name", ["..\\..\\x.csv", "../../x.csv", "x" * 300 + ".csv", "a\x00b.csv", "\u202egpj.csv"])
def test_the_name_of_the_file_is_only_shown(name: str, client: APIClient) -> None:
    answer = upload(client, name=name)
    if answer.status_code == 201:
        kept = RosterImport.objects.get().file_name
        assert "/" not in kept
        assert "\\" not in kept
        assert kept.isprintable()
        assert len(kept) <= 255
    else:
        assert answer.status_code == 400


def test_a_workbook_is_as_good(client: APIClient) -> None:
    assert upload(client, workbook(HEADER, ("1001", "张伟", "软件2401")), name="x.csv").status_code == 201


def test_a_flag_that_is_left_out_is_its_default(client: APIClient, school: School) -> None:
    assert upload(client).json()["complete"] is True
    answer = upload(client, complete="false", create_units="true", unit=school.room.pk).json()
    assert (answer["complete"], answer["create_units"], answer["unit"]) == (False, True, school.room.pk)


@pytest.mark.parametrize(
    ("name", "uploads", "reads"),
    [("manager", 201, 200), ("colleague", 403, 404), ("stranger", 404, 404), ("recipient", 403, 404)],
)
def test_three_people(name: str, uploads: int, reads: int, school: School, rung: list) -> None:
    client = a_client(school.user(name))
    roster = compared(CONTENT, school.college)
    assert upload(client, unit=school.college.pk).status_code == uploads
    for address in ("", "/changes"):
        assert client.get(f"{URL}/{roster.pk}{address}").status_code == reads
    forbidden = 404 if name == "stranger" else 403
    for verb in ("discard", "apply"):
        status = client.post(f"{URL}/{roster.pk}/{verb}", {}).status_code
        assert status == (forbidden if reads == 404 else {"discard": 200, "apply": 409}[verb])
    assert (roster.pk in [one["id"] for one in client.get(URL).json()["results"]]) == (reads == 200)
