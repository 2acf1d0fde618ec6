"""What a school's own timetable becomes: every row an exam or listed with its reason."""

import io
import zipfile
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from apps.core.errors import UnreadableFile
from apps.messaging import exam_times, timetable

ZONE = ZoneInfo("Asia/Shanghai")
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
HEADER = ("班级名称", "课程名称", "人数", "考试时间", "教室名称")
ROW = ("B230005", "高等数学", 30, "2025年11月15日(10:25-12:15)", "教2－209")
STARTS = datetime(2025, 11, 15, 10, 25, tzinfo=ZONE)
ENDS = datetime(2025, 11, 15, 12, 15, tzinfo=ZONE)


def workbook(*rows: tuple, **sheets: list[tuple]) -> io.BytesIO:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in sheets.items():
        sheet = book.create_sheet(title)
        for row in more:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return file


def read(*rows: tuple, **sheets: list[tuple]) -> timetable.Timetable:
    return timetable.read(workbook(*rows, **sheets), zone=ZONE)


@pytest.mark.parametrize(
    "written",
    [
        "2025年11月15日(10:25-12:15)",
        "2025年11月15日（10:25-12:15）",
        "2025-11-15 10:25-12:15",
        "2025/11/15 10:25~12:15",
        "2025/11/15 10：25～12：15",
        "2025.11.15（10：25—12：15）",
        "2025.11.15 (10:25 – 12:15)",
        "２０２５年１１月１５日（１０：２５－１２：１５）",
        "2025年11月15日 星期六 10:25-12:15",
        "2025年11月15日(周六)10:25-12:15",
        "第11周 星期六 2025-11-15 10:25-12:15",
        "2025年11月15日上午10:25-12:15",
        "2025年11月15日 10点25分至12点15分",
        "2025-11-15 10:25:00-12:15:00",
        "2025-11-15 10:25 - 2025-11-15 12:15",
        "2025-11-15T10:25 至 12:15",
        "2025年11月15日\n10:25-12:15",
        "2025-11-15 Sat 10:25-12:15",
        "2025-11-15 (Saturday) 10:25--12:15",
    ],
)
def test_every_spelling_of_a_time_is_the_same_time(written: str) -> None:
    assert exam_times.span(written, ZONE) == (STARTS, ENDS)


def test_a_one_digit_day_is_not_read_into_the_hour() -> None:
    assert exam_times.span("2025-1-5 10:25-12:15", ZONE)[0] == datetime(2025, 1, 5, 10, 25, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("written", "hour"),
    [("2025-11-15 下午2:00-4:00", 14), ("2025-11-15 下午14:00-16:00", 14), ("2025-11-15 晚7:00-9:00", 19)],
)
def test_the_half_of_the_day_counts_for_start_and_end(written: str, hour: int) -> None:
    starts_at, ends_at = exam_times.span(written, ZONE)
    assert (starts_at.hour, ends_at.hour) == (hour, hour + 2)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("待定", "unreadable"),
        ("11月15日(10:25-12:15)", "unreadable"),
        ("2025年11月15日", "unreadable"),
        ("2025年13月15日(10:25-12:15)", "impossible"),
        ("2025年2月29日(10:25-12:15)", "impossible"),
        ("2025年11月15日(25:25-26:15)", "impossible"),
        ("2025年11月15日(12:15-10:25)", "backwards"),
    ],
)
def test_a_time_that_is_none_says_what_is_wrong(written: str, code: str) -> None:
    with pytest.raises(exam_times.TimeError) as caught:
        exam_times.span(written, ZONE)
    assert caught.value.code == code


def test_a_row_becomes_an_exam_as_it_was_written() -> None:
    (exam,) = read(HEADER, ROW).exams
    assert (exam.row, exam.class_name, exam.course, exam.heads, exam.room) == (2, "B230005", "高等数学", 30, "教2－209")
    assert (exam.starts_at, exam.ends_at) == (STARTS, ENDS)


@pytest.mark.parametrize(
    "header",
    [
        ("班级", "考试科目", "考生人数", "考试时间", "考试教室"),
        ("行政班", "课程", "学生人数", "时间", "考场"),
        ("教学班", "科目", "人 数", "考试时间（北京时间）", "考试地点 *"),
        ("Class", "Course name", "Head_Count", "Exam time", "Room"),
    ],
)
def test_columns_are_found_by_their_aliases(header: tuple) -> None:
    assert len(read(header, ROW).exams) == 1


def test_the_college_of_the_student_is_not_the_one_that_offers_the_course() -> None:
    (exam,) = read((*HEADER, "开课学院", "学生所在学院"), (*ROW, "理学院", "计算机学院")).exams
    assert exam.college == "计算机学院"


def test_titles_above_the_header_are_passed_over() -> None:
    read_in = read(("2025-2026学年第一学期考试安排",), (), ("注：请提前15分钟到场",), HEADER, ROW)
    assert [exam.row for exam in read_in.exams] == [5]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        (("考试日期", "考试时间"), (date(2025, 11, 15), "10:25-12:15")),
        (("考试日期", "考试时间"), ("2025年11月15日 星期六", "10:25~12:15")),
        (("日期", "开始时间", "结束时间"), (date(2025, 11, 15), time(10, 25), time(12, 15))),
        (("开始时间", "结束时间"), (datetime(2025, 11, 15, 10, 25), datetime(2025, 11, 15, 12, 15))),  # noqa: DTZ001
        (("考试日期",), ("2025-11-15 10:25-12:15",)),
    ],
)
def test_a_time_may_stand_in_several_columns_and_as_excel_dates(header: tuple, cells: tuple) -> None:
    (exam,) = read(("班级", "课程", "人数", "考场", *header), ("B1", "语文", "３０人", "101", *cells)).exams
    assert (exam.starts_at, exam.ends_at, exam.heads) == (STARTS, ENDS, 30)


def test_every_unreadable_row_is_listed_and_empty_ones_counted() -> None:
    rows = [list(ROW) for _ in range(6)]
    rows[1][0], rows[2][2], rows[3][3], rows[4][4] = None, "约30", "待定", "  "
    read_in = read(HEADER, *rows, (), (None, "", None), ROW)
    found = [(item.row, item.column, item.value) for item in read_in.unreadable]
    assert found == [(3, "班级名称", ""), (4, "人数", "约30"), (5, "考试时间", "待定"), (6, "教室名称", "")]
    assert all(item.reason for item in read_in.unreadable)
    assert (len(read_in.exams), read_in.empty_rows) == (3, 2)


@pytest.mark.parametrize("heads", [0, -1, 2.5, "", "many", 10_001])
def test_a_head_count_is_a_positive_whole_number(heads: object) -> None:
    read_in = read(HEADER, (*ROW[:2], heads, *ROW[3:]))
    assert [item.column for item in read_in.unreadable] == ["人数"]


def test_every_sheet_with_a_header_is_read_and_others_are_named() -> None:
    read_in = read(HEADER, ROW, 三牌楼=[HEADER, ROW, ROW], 说明=[("考试纪律",)], 空=[])
    assert [(exam.sheet, exam.row) for exam in read_in.exams] == [("Sheet", 2), ("三牌楼", 2), ("三牌楼", 3)]
    assert [(item.row, item.value) for item in read_in.unreadable] == [(0, "说明")]


def test_a_list_of_candidates_needs_no_head_count() -> None:
    header = ("学号", "姓名", "班级", "课程", "考试时间", "考场", "座位号")
    (exam,) = read(header, ("２０２４010101", "王芳", "软件2401", "语文", ROW[3], "101", 7)).exams
    assert (exam.student_number, exam.student_name, exam.heads, exam.seat) == ("2024010101", "王芳", 1, "7")


def test_missing_columns_are_one_error_that_names_found_and_wanted() -> None:
    with pytest.raises(UnreadableFile) as caught:
        read(("班级名称", "课程名称", "教师", "考试时间"), ROW)
    assert all(word in str(caught.value) for word in ("人数", "考场", "班级名称", "教师"))


def test_a_header_without_rows_is_an_empty_timetable() -> None:
    assert read(HEADER).exams == ()


def test_wrong_dimensions_in_the_file_hide_no_rows() -> None:
    original = workbook(HEADER, ROW)
    changed = io.BytesIO()
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b'<dimension ref="A1:E2"', b'<dimension ref="A1"'))
    assert len(timetable.read(changed, zone=ZONE).exams) == 1


def test_a_formula_is_never_evaluated() -> None:
    read_in = read(HEADER, ("=HYPERLINK(1)", *ROW[1:]))
    assert [item.column for item in read_in.unreadable] == ["班级名称"]


@pytest.mark.parametrize("file", [io.BytesIO(b""), io.BytesIO("班级名称,课程名称".encode())], ids=["empty", "csv"])
def test_what_is_no_workbook_is_refused(file: io.BytesIO) -> None:
    with pytest.raises(UnreadableFile):
        timetable.read(file, zone=ZONE)


@pytest.mark.parametrize(
    ("name", "rows", "heads"), [("exams-concentrated-week", 263, 5_314), ("exams-weeks-19-20", 6_225, 82_435)]
)
def test_the_real_timetables_are_read_whole(name: str, rows: int, heads: int) -> None:
    if not DATA.is_dir():
        pytest.skip("the real timetables stand beside the checkout, in ../shared/data")
    read_in = timetable.read(DATA / f"{name}.xlsx", zone=ZONE)
    assert (len(read_in.exams), read_in.unreadable, read_in.empty_rows) == (rows, (), 0)
    assert sum(exam.heads for exam in read_in.exams) == heads
