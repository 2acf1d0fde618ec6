"""Reads a timetable of exams as a school exports it: columns found by name, times in several spellings.

Nothing is skipped silently: a row becomes an `Exam`, is listed as `Unreadable`, or is empty and counted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.errors import UnreadableFile
from apps.core.tables import workbooks
from apps.core.tables.cells import narrow
from apps.messaging import exam_times, timetable_columns

MAX_ROWS = 200_000
MAX_HEADS = 10_000


@dataclass(frozen=True, slots=True)
class Exam:
    """One row: `heads` students of one class sit one course in one room. `row` counts from 1, as Excel shows it.

    `seat`, `student_number` and `student_name` are filled only where a school lists its candidates one by one.
    """

    row: int
    sheet: str
    campus: str
    course_code: str
    course: str
    class_name: str
    heads: int
    starts_at: datetime
    ends_at: datetime
    room: str
    college: str
    cohort: str
    programme: str
    seat: str = ""
    student_number: str = ""
    student_name: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that became no exam: where, what stood there, and why in words for a person."""

    row: int
    column: str
    value: str
    reason: str
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Timetable:
    exams: tuple[Exam, ...]
    unreadable: tuple[Unreadable, ...]
    empty_rows: int = 0


class CellError(ValueError):
    """One cell cannot be read; carries the field and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def read(file: workbooks.File, *, zone: tzinfo | None = None) -> Timetable:
    """All exams of every sheet that has a header. Raises `UnreadableFile`. No `zone`: the school's."""
    workbooks.check(file)
    with workbooks.opened(file) as sheets:
        return _read_sheets(sheets, zone or timezone.get_default_timezone())


def _read_sheets(sheets: Sequence, zone: tzinfo) -> Timetable:
    tables = [(sheet.title, list(_cells(sheet))) for sheet in sheets]
    headers = {title: timetable_columns.find_header(rows) for title, rows in tables}
    if all(header.missing() for header in headers.values()):
        raise _no_header(list(headers.values()))
    read_rows = [row for title, rows in tables for row in _sheet(title, rows, headers[title], zone)]
    return Timetable(
        tuple(row for row in read_rows if isinstance(row, Exam)),
        tuple(row for row in read_rows if isinstance(row, Unreadable)),
        sum(row is None for row in read_rows),
    )


def _sheet(
    title: str, rows: Sequence[Sequence[str]], header: timetable_columns.Header, zone: tzinfo
) -> Iterator[Exam | Unreadable | None]:
    """Every row below the header; None for an empty one. A sheet of something else is one `Unreadable`, row 0."""
    if header.missing():
        if any(any(cells) for cells in rows):
            yield Unreadable(0, "", title, _("This sheet has no row with the names of the columns."), title)
        return
    for number, cells in enumerate(rows[header.row :], start=header.row + 1):
        yield _row(number, cells, header, title, zone) if any(cells) else None


def _cells(sheet: object) -> Iterator[list[str]]:
    for number, row in enumerate(workbooks.rows(sheet), start=1):
        if number > MAX_ROWS:
            raise UnreadableFile(_("This timetable has more than %(limit)s rows.") % {"limit": MAX_ROWS})
        yield row


def _no_header(headers: Sequence[timetable_columns.Header]) -> UnreadableFile:
    best = max(headers, key=lambda header: len(header.positions), default=timetable_columns.NONE)
    wanted = "; ".join(" / ".join(timetable_columns.ALIASES[field][:4]) for field in best.missing())
    found = ", ".join(best.titles) or _("none")
    return UnreadableFile(
        _("Columns are missing. Wanted: %(wanted)s. Found: %(found)s.") % {"wanted": wanted, "found": found}
    )


def _row(
    number: int, cells: Sequence[str], header: timetable_columns.Header, sheet: str, zone: tzinfo
) -> Exam | Unreadable:
    values = {field: cells[position] if position < len(cells) else "" for field, position in header.positions.items()}
    try:
        return _exam(number, values, sheet, zone)
    except CellError as error:
        column = header.names.get(error.field, "")
        return Unreadable(number, column, values.get(error.field, ""), error.reason, sheet)


def _exam(number: int, values: Mapping[str, str], sheet: str, zone: tzinfo) -> Exam:
    starts_at, ends_at = _span(values, zone)
    if not values.get("student_number"):
        _required(values, "class_name")
    # What people read stays as it was written; what is compared is not to depend on the width of a digit.
    spoken = {field: values.get(field, "") for field in ("campus", "college", "programme", "student_name")}
    compared = ("class_name", "course_code", "cohort", "seat", "student_number")
    return Exam(
        row=number,
        sheet=sheet,
        course=_required(values, "course"),
        room=_required(values, "room"),
        heads=_heads(values),
        starts_at=starts_at,
        ends_at=ends_at,
        **spoken,
        **{field: narrow(values.get(field, "")) for field in compared},
    )


def _required(values: Mapping[str, str], field: str) -> str:
    if not values.get(field):
        raise CellError(field, _("This cell is empty."))
    return values[field]


def _heads(values: Mapping[str, str]) -> int:
    if values.get("student_number"):
        return 1
    found = re.fullmatch(r"(\d{1,6})\s*人?", narrow(_required(values, "heads")), re.ASCII)
    if not found or not 1 <= int(found[1]) <= MAX_HEADS:
        raise CellError("heads", _("The head count must be a whole number from 1 to %(limit)s.") % {"limit": MAX_HEADS})
    return int(found[1])


def _span(values: Mapping[str, str], zone: tzinfo) -> tuple[datetime, datetime]:
    field = "when" if "when" in values else "starts"
    written = _required(values, field)
    if field == "starts":
        written += f"-{_required(values, 'ends')}"
    reasons = []
    for candidate in (written, f"{values.get('date', '')} {written}"):
        try:
            return exam_times.span(candidate, zone)
        except exam_times.TimeError as error:
            reasons.append(error.code)
    raise CellError(field, _time_reason(next((code for code in reasons if code != "unreadable"), "unreadable")))


def _time_reason(code: str) -> str:
    return {
        "unreadable": _("This is not a date with a start and an end, such as 2025-11-15 10:25-12:15."),
        "impossible": _("There is no such date or time of day."),
        "backwards": _("The exam ends before it starts."),
    }[code]
