"""A roster of a school that does not exist."""

import io
from collections.abc import Iterable

import openpyxl

from benchmarks import content

HEADER = ("学号", "姓名", "学院", "专业", "班级", "年级", "出生日期", "手机", "邮箱", "家长姓名", "家长手机")
CLASS_SIZE = 40
UNIT = slice(2, 5)
MOBILE = HEADER.index("手机")


def workbook(people: int) -> bytes:
    return saved(map(row, range(people)))


def a_year_later(people: int) -> bytes:
    """Of everybody: one in a hundred has left, one in ten has another telephone, one in twenty is in the next class."""
    return saved(later(number, people) for number in range(people) if not has_left(number))


def has_left(number: int) -> bool:
    return number % 100 == 99


def has_moved(number: int) -> bool:
    return number % 20 == 10


def later(number: int, people: int) -> tuple[str, ...]:
    cells = list(row(number))
    if has_moved(number):
        cells[UNIT] = row((number + CLASS_SIZE) % people)[UNIT]
    if number % 10 == 3:
        cells[MOBILE] = content.mobile(70_000_000 + number)
    return tuple(cells)


def saved(rows: Iterable[tuple[str, ...]]) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADER)
    for cells in rows:
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def row(number: int) -> tuple[str, ...]:
    group = number // CLASS_SIZE
    return (
        f"2026{number:06}",
        f"学生{number}",
        f"第{group % 8}学院",
        f"专业{group % 40}",
        f"2026级{group}班",
        "2026级",
        f"2008-{number % 12 + 1:02}-{number % 28 + 1:02}",
        content.mobile(number),
        content.address(number),
        f"家长{number}",
        content.mobile(50_000_000 + number),
    )
