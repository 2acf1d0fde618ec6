"""A roster of a school that does not exist."""

import io

import openpyxl

from benchmarks import content

HEADER = ("学号", "姓名", "学院", "专业", "班级", "年级", "出生日期", "手机", "邮箱", "家长姓名", "家长手机")
CLASS_SIZE = 40


def workbook(people: int) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADER)
    for number in range(people):
        sheet.append(row(number))
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
