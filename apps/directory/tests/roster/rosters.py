"""Rosters for tests: files as a school exports them, and an import from its upload to its end."""

import csv
import io
from collections.abc import Sequence

import openpyxl

from apps.accounts.models import User
from apps.directory.models import OrgUnit, Person, RosterChange, RosterImport
from apps.directory.roster import services, work
from apps.directory.roster.services import Options

HEADER = ("学号", "姓名", "班级", "手机", "邮箱", "家长姓名", "家长手机")
Row = Sequence[object]
#: What an import does to the directory; the rest it only says.
DONE = ("new", "changed", "moved", "returned", "left", "unit", "adviser")


def text(*rows: Row, separator: str = ",", encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=end).writerows(rows)
    return file.getvalue().encode(encoding)


def workbook(*rows: Row, **sheets: Sequence[Row]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in sheets.items():
        sheet = book.create_sheet(title)
        for row in more:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def compared(
    content: bytes, unit: OrgUnit, *, name: str = "roster.csv", by: User | None = None, **options: object
) -> RosterImport:
    """Uploaded and read, by nobody but this process."""
    roster = services.upload(content, name=name, unit=unit, by=by, options=Options(**options), ring=False)
    work.read(roster.pk)
    roster.refresh_from_db()
    return roster


def applied(content: bytes, unit: OrgUnit, **options: object) -> RosterImport:
    roster = compared(content, unit, **options)
    assert roster.state == "ready", roster.error
    services.apply(roster, by=None, let_leave=True, ring=False)
    work.write(roster.pk)
    roster.refresh_from_db()
    assert roster.state == "applied", roster.error
    return roster


def lines(roster: RosterImport, *kinds: str) -> list[RosterChange]:
    rows = roster.changes.order_by("pk")
    return list(rows.filter(kind__in=kinds) if kinds else rows)


def done(roster: RosterImport) -> dict[str, int]:
    return {kind: count for kind, count in roster.counts.items() if kind in DONE and count}


def addresses(person: Person) -> list[tuple[str, str, str]]:
    return list(person.contact_points.order_by("pk").values_list("kind", "value", "source"))
