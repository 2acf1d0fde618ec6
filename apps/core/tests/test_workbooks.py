"""Workbooks that are none, that would fill the memory, or that lead elsewhere."""

import io
import struct
import zipfile

import openpyxl
import pytest

from apps.core.errors import UnreadableFile
from apps.core.tables import workbooks

LAUGHS = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><sst>&b;</sst>'


def package(**parts: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return file


def workbook(*rows: tuple) -> io.BytesIO:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file


def changed(file: io.BytesIO, part: str, content: bytes) -> io.BytesIO:
    """The workbook with one part replaced, or added."""
    target = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        parts = {name: old.read(name) for name in old.namelist()} | {part: content}
        for name, text in parts.items():
            new.writestr(name, text)
    return target


def read(file: io.BytesIO) -> list[list[str]]:
    workbooks.check(file)
    with workbooks.opened(file) as sheets:
        return [row for sheet in sheets for row in workbooks.rows(sheet)]


def test_rows_are_text_and_counted_beforehand() -> None:
    file = workbook(("学号", "n", None), (2024010101.0, 1.5, "a"))
    assert workbooks.check(file) == 2
    assert read(file) == [["学号", "n"], ["2024010101", "1.5", "a"]]


@pytest.mark.parametrize(
    "file",
    [
        io.BytesIO(b""),
        io.BytesIO("学号,姓名".encode()),
        io.BytesIO(b"PK\x03\x04"),
        io.BytesIO(b"PK\x05\x06"),
        package(a=b"no workbook"),
        io.BytesIO(workbook(("a",)).getvalue()[:-200]),
    ],
    ids=["empty", "csv", "begun", "ended", "other zip", "cut off"],
)
def test_input_46_what_is_no_workbook_is_refused(file: io.BytesIO) -> None:
    with pytest.raises(UnreadableFile):
        read(file)


def test_input_44_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 1_000_000)
    workbooks.check(package(a=bytes(1_000_000)))
    with pytest.raises(UnreadableFile):
        workbooks.check(package(a=bytes(1_000_001)))


def test_input_44_a_bomb_of_shared_texts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_STRINGS", 1_000)
    with pytest.raises(UnreadableFile):
        workbooks.check(package(**{workbooks.STRINGS: bytes(1_001)}))


def test_input_44_a_million_entries_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the file says how many there are; a list that is longer than it says is too long by its bytes."""
    many = package(**{f"part{number}": b"" for number in range(workbooks.MAX_ENTRIES + 1)})
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(UnreadableFile):
        workbooks.check(many)
    lying = bytearray(many.getvalue())
    lying[-12:-10] = struct.pack("<H", 1)
    monkeypatch.setattr(workbooks, "MAX_DIRECTORY", 10_000)
    with pytest.raises(UnreadableFile):
        workbooks.check(io.BytesIO(lying))


@pytest.mark.parametrize("name", ["../evil.xml", "xl/../../evil.xml", "/etc/evil", "..\\evil.xml"])
def test_input_44_paths_that_lead_out_are_refused(name: str) -> None:
    with pytest.raises(UnreadableFile, match=r"paths|路径"):
        workbooks.check(package(**{name: b"x"}))


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        b"<!--" + b" " * workbooks.STEP + b"-->" + LAUGHS[21:],
        LAUGHS.decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="cp1006"?><sst/>',
    ],
    ids=["plain", "late", "utf-16", "other encoding"],
)
@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_input_45_xml_with_declarations_is_refused(part: str, content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        workbooks.check(changed(workbook(("a",)), part, content))


def test_input_48_a_formula_is_never_evaluated() -> None:
    assert read(workbook(("=HYPERLINK(1)", "b"))) == [["", "b"]]
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    sheet += b'<c r="A1" t="str"><f>CMD()</f><v>=cmd|shown</v></c></row></sheetData></worksheet>'
    assert read(changed(workbook(("a",)), "xl/worksheets/sheet1.xml", sheet)) == [["=cmd|shown"]]


def test_wrong_dimensions_in_the_file_hide_no_rows() -> None:
    original = workbook(("a", "b"), ("c", "d"))
    sheet = zipfile.ZipFile(original).read("xl/worksheets/sheet1.xml").replace(b'ref="A1:B2"', b'ref="A1"')
    assert read(changed(original, "xl/worksheets/sheet1.xml", sheet)) == [["a", "b"], ["c", "d"]]


def test_a_cell_far_to_the_right_costs_no_more_than_a_wide_table() -> None:
    file = workbook(("a",))
    sheet = zipfile.ZipFile(file).read("xl/worksheets/sheet1.xml").replace(b'r="A1"', b'r="XFD1"')
    assert read(changed(file, "xl/worksheets/sheet1.xml", sheet)) == [[]]


@pytest.mark.parametrize("entries", [0, 2_000], ids=["fewer", "more"])
def test_input_44_of_two_ends_of_a_file_the_one_that_says_more_counts(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is for archives above 4 GiB; here it stands in the comment, where `zipfile` does not look."""
    many = package(**{f"part{number}": b"" for number in range(1 if entries else workbooks.MAX_ENTRIES + 1)})
    with zipfile.ZipFile(many, "a") as target:
        target.comment = b"PK\x06\x06" + struct.pack("<28xQQ", entries, 0)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(UnreadableFile):
        workbooks.check(many)
