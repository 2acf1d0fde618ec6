"""From the bytes of a file to rows of named cells: workbooks and delimited text alike, one row at a time."""

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.core.errors import UnreadableFile
from apps.core.tables import columns, delimited, workbooks
from apps.directory.roster.columns import Header, find, require

MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 200_000
#: Rows that are there, empty ones too.
MOST_LINES = MAX_ROWS + 10_000
SOMETHING = re.compile(r'[^\s\ufeff,;"]')
Line = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is where the row begins, counted from 1 as the spreadsheet or an editor shows it; `cells` are by field.

    `beyond`: something stands to the right of the last column that has a name.
    """

    sheet: str
    line: int
    cells: Mapping[str, str]
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its header, read as far as that. `lines` are all its lines, from the first."""

    title: str
    header: Header
    lines: Iterable[Line]


def check(content: bytes) -> int:
    """Refuse at once what no job could read; about how many rows there are. Raises `UnreadableFile`."""
    if not content:
        raise UnreadableFile(_("The file is empty."))
    if len(content) > MAX_BYTES:
        raise UnreadableFile(_("The file is larger than %d MiB.") % (MAX_BYTES // 2**20))
    if workbooks.is_workbook(content):
        count = workbooks.check(io.BytesIO(content))
    else:
        count = _check_text(delimited.decode(content))
    if count > MAX_ROWS + columns.HEADER_WITHIN:
        raise _too_many()
    return count


def _check_text(text: str) -> int:
    if not SOMETHING.search(text):
        raise UnreadableFile(_("The file is empty."))
    sheet = _text_sheet(text, {})
    count = last = 0
    for line, cells in sheet.lines:
        if any(cells):
            count, last = count + 1, line
        if count > MAX_ROWS + columns.HEADER_WITHIN:
            raise _too_many()
    if last <= sheet.header.row:
        raise _only_header(sheet.header)
    return count


@contextmanager
def opened(content: bytes, mapping: Mapping[str, str]) -> Iterator[list[Sheet]]:
    """The tables of the file. Raises `UnreadableFile`, as reading their rows does."""
    if workbooks.is_workbook(content):
        with workbooks.opened(io.BytesIO(content)) as sheets:
            found = [
                _begun(sheet.title, _bounded(enumerate(workbooks.rows(sheet), start=1)), mapping) for sheet in sheets
            ]
            yield [sheet for sheet in found if sheet.header.titles] or found[:1]
    else:
        sheet = _text_sheet(delimited.decode(content), mapping)
        del content
        yield [sheet]


def header(sheets: list[Sheet]) -> Header:
    """That of the sheet that knows most."""
    return max((sheet.header for sheet in sheets), key=lambda one: one.rank, default=Header())


def rows(sheets: list[Sheet]) -> Iterator[Row]:
    """Every row with anything in it, of every sheet that is a roster. Raises `UnreadableFile`."""
    if all(sheet.header.missing() for sheet in sheets):
        require(header(sheets))
    count = 0
    for sheet in sheets:
        if sheet.header.missing():
            continue
        require(sheet.header)
        for row in _rows(sheet):
            count += 1
            if count > MAX_ROWS:
                raise _too_many()
            yield row
    if not count:
        raise _only_header(header(sheets))


def skipped(sheets: list[Sheet]) -> list[str]:
    """Titles of the sheets that hold something and are no roster."""
    return [sheet.title for sheet in sheets if sheet.header.missing() and any(sheet.header.titles)]


def _rows(sheet: Sheet) -> Iterator[Row]:
    header, title = sheet.header, sheet.title
    positions = tuple(header.positions.items())
    width = max(position for position, name in enumerate(header.titles) if name) + 1
    for line, cells in sheet.lines:
        if line > header.row and any(cells):
            held = len(cells)
            values = {field: cells[position] for field, position in positions if position < held}
            yield Row(title, line, values, beyond=any(cells[width:]))


def _begun(title: str, lines: Iterator[Line], mapping: Mapping[str, str]) -> Sheet:
    first = list(itertools.islice(lines, columns.HEADER_WITHIN))
    return Sheet(title, find(first, mapping), itertools.chain(first, lines))


def _text_sheet(text: str, mapping: Mapping[str, str]) -> Sheet:
    """Split by whatever separator makes most of the header."""
    found, faults = [], []
    for separator in delimited.SEPARATORS:
        try:
            found.append(_begun("", _bounded(delimited.rows(text, separator)), mapping))
        except UnreadableFile as error:
            faults.append(error)
    best = max(found, key=lambda sheet: sheet.header.rank, default=None)
    if best is None or (faults and best.header.missing()):
        raise faults[0]
    return best


def _bounded(lines: Iterator[Line]) -> Iterator[Line]:
    """A workbook can say that its next row is the hundred-millionth, and the rows between are made up one by one."""
    for count, line in enumerate(lines, start=1):
        if count > MOST_LINES:
            raise _too_many()
        yield line


def _too_many() -> UnreadableFile:
    return UnreadableFile(_("The file has more than %d rows.") % MAX_ROWS)


def _only_header(header: Header) -> UnreadableFile:
    return UnreadableFile(_("There is nothing below the names of the columns in line %d.") % header.row)
