"""Bad inputs 44 to 48: a roster in whatever form is read, or refused with the line."""

import tracemalloc

import pytest

from apps.core.errors import InvalidInput, UnreadableFile
from apps.directory.roster import columns, reading
from apps.directory.roster.reading import Row
from apps.directory.tests.roster.rosters import text, workbook

HEADER = ("学号", "姓名", "班级")
ROW = ("2024010101", "张伟", "软件2401")
BLANK = [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b",,,\r\n", workbook()]
BLANK += [
    "\u3000\u3000\r\n".encode(),
    "\xa0;\xa0\n".encode(),
    "\u3000".encode("gb18030"),
    '"\u3000",\xa0'.encode("utf-16"),
]


def read(content: bytes, **mapping: str) -> list[Row]:
    with reading.opened(content, mapping) as sheets:
        return list(reading.rows(sheets))


def check_and_read(content: bytes) -> None:
    reading.check(content)
    read(content)


def numbers(content: bytes, **mapping: str) -> list[str]:
    return [row.cells["student_number"] for row in read(content, **mapping)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_input_46_every_form_of_text_is_the_same_roster(encoding: str, separator: str, end: str) -> None:
    content = text(HEADER, ROW, separator=separator, encoding=encoding, end=end)
    assert reading.check(content) == 2
    assert read(content) == [Row("", 2, {"student_number": ROW[0], "name": ROW[1], "class_name": ROW[2]})]


def test_input_46_a_workbook_with_the_wrong_ending_and_the_other_way_round() -> None:
    """Nobody asks for the name of the file."""
    assert numbers(workbook(HEADER, ROW)) == numbers(text(HEADER, ROW)) == ["2024010101"]


def test_input_46_a_quoted_newline_and_ragged_rows() -> None:
    content = '学号,姓名,班级,备注\r\n1,张伟,"软件\r\n2401"\r\n2,王芳\r\n3,李娜,软件2401,a,b\r\n'.encode()
    rows = read(content)
    assert [(row.line, row.cells.get("class_name"), row.beyond) for row in rows] == [
        (2, "软件\n2401", False),
        (4, None, False),
        (5, "软件2401", True),
    ]


@pytest.mark.parametrize("content", BLANK)
def test_input_46_an_empty_file_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        check_and_read(content)


@pytest.mark.parametrize("content", [text(("名单",), HEADER), workbook(("名单",), HEADER)], ids=["text", "workbook"])
def test_input_46_a_header_alone_is_refused_with_its_line(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"2"):
        check_and_read(content)


def test_input_46_a_column_that_is_there_twice_is_refused_with_the_line() -> None:
    with pytest.raises(UnreadableFile, match=r"1.*手机|手机.*1"):
        read(text(("学号", "姓名", "手机", "手机"), (1, "张伟", 2, 3)))
    assert len(read(text(("学号", "姓名", "备注", "备注"), (1, "张伟", 2, 3)))) == 1


def test_input_46_missing_columns_are_one_error_that_names_found_and_wanted() -> None:
    with pytest.raises(UnreadableFile) as caught:
        read(text(("姓名", "宿舍"), ("张伟", "1-101")))
    assert all(word in caught.value.detail for word in ("学号", "姓名", "宿舍"))


def test_input_47_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 30)
    for make in (text, workbook):
        content = make(HEADER, *([ROW] * 51))
        with pytest.raises(UnreadableFile):
            reading.check(content)
        with pytest.raises(UnreadableFile):
            read(content)
        assert len(read(make(HEADER, *([ROW] * 30)))) == 30


def test_input_47_counting_ends_with_the_first_row_that_is_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 30)
    broken = text(HEADER, *([ROW] * 100)) + b'"an open quote'
    with pytest.raises(UnreadableFile, match="30"):
        reading.check(broken)


def test_input_47_empty_lines_without_end_are_too_many_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_LINES", 200)
    with pytest.raises(UnreadableFile):
        reading.check(text(HEADER, ROW) + b"\r\n" * 300)


def test_input_47_looking_at_a_text_takes_no_more_memory_than_decoding_it() -> None:
    """Three bytes for each byte of the file, for a moment."""
    content = text(HEADER, *([ROW] * 20_000))
    tracemalloc.start()
    try:
        reading.check(content)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(content) * 4


def test_input_47_a_file_of_too_many_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    with pytest.raises(UnreadableFile):
        reading.check(text(HEADER, ROW))


def test_input_48_formulas_are_text() -> None:
    (row,) = read(text(HEADER, ("2024010101", "=cmd|' /C calc'!A0", "软件2401")))
    assert row.cells["name"] == "=cmd|' /C calc'!A0"


def test_numbers_in_a_workbook_are_written_out() -> None:
    assert numbers(workbook(HEADER, (2024010101.0, "张伟", "软件2401"))) == ["2024010101"]


@pytest.mark.parametrize(
    ("title", "field"),
    [
        ("学 号 *", "student_number"),
        ("工号", "staff_number"),
        ("学工号", "number"),
        ("手机（本人）", "mobile"),
        ("E-mail", "email"),
        ("Student_Number", "student_number"),
        ("Date of birth", "born_on"),
        ("监护人电话：", "guardian_mobile"),
        ("母亲姓名", "guardian2_name"),
        ("班主任工号", "adviser_number"),
    ],
)
def test_columns_are_found_by_their_aliases(title: str, field: str) -> None:
    assert field in columns.find([(1, [title, "x"])], {}).positions


def test_titles_above_the_header_are_passed_over() -> None:
    content = text(("2026级新生名单",), (), ("注：请核对",), HEADER, ROW)
    assert [row.line for row in read(content)] == [5]


def test_a_column_means_what_the_user_says() -> None:
    content = text(("证号", "姓名", "手机", "紧急联系电话"), (1, "张伟", 2, 3))
    (row,) = read(content, 证号="student_number", 手机="", 紧急联系电话="mobile")
    assert row.cells == {"student_number": "1", "name": "张伟", "mobile": "3"}


@pytest.mark.parametrize("mapping", [[], {"a": "no such field"}, {"a": "name", "b": "name"}])
def test_a_mapping_that_cannot_be_is_refused(mapping: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        columns.checked(mapping)
    assert caught.value.field == "mapping"


def test_every_sheet_that_is_a_roster_is_read_and_the_others_are_named() -> None:
    content = workbook(HEADER, ROW, 二班=[HEADER, ROW, ROW], 说明=[("填表说明",)])
    assert [(row.sheet, row.line) for row in read(content)] == [("Sheet", 2), ("二班", 2), ("二班", 3)]
    with reading.opened(content, {}) as sheets:
        assert reading.skipped(sheets) == ["说明"]


@pytest.mark.parametrize("make", [text, workbook])
@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"])
def test_a_cell_that_shows_an_error_is_empty(make: object, error: str) -> None:
    (row,) = read(make(HEADER, ("2024010101", "张伟", error), (error, error, error)))
    assert row.cells == {"student_number": "2024010101", "name": "张伟", "class_name": ""}
