"""The rows of one sheet of a workbook, straight from its XML.

openpyxl makes objects of every cell, and where a sheet does not say how large it is, of the whole sheet at once, to
find out. This holds one row at a time, in a tenth of the time. XML that declares anything is refused.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO
from xml.parsers import expat

from django.utils.translation import gettext as _

from apps.core.errors import UnreadableFile

STEP = 256 * 1024
#: What stands further to the right is not read.
MAX_COLUMNS = 200
#: Of the format itself.
MAX_ROW = 1_048_576
#: Elements that hold the value of a cell: its number or its place in the shared texts, or its text.
VALUES = {"v", "t"}

#: (type of the cell, its style, its value as written) -> as somebody would have typed it.
Convert = Callable[[str, int, str], str]
Row = tuple[int, list[str]]


@dataclass(slots=True)
class Sheet:
    """Fed by expat. `done` are the rows that are complete."""

    convert: Convert
    done: list[Row] = field(default_factory=list)
    row: int = 0
    cells: list[str] = field(default_factory=list)
    column: int = 0
    kind: str = "n"
    style: int = 0
    text: list[str] | None = None
    written: list[str] = field(default_factory=list)
    phonetic: bool = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = local(name)
        if name == "c":
            self._cell(attributes)
        elif name == "row":
            self.row = max(self.row + 1, int(attributes.get("r", 0)))
            self.cells, self.column = [], 0
        elif name == "rPh":
            self.phonetic = True
        elif name in VALUES and not self.phonetic:
            self.text = self.written

    def _cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        self.column = column(place.rstrip("0123456789")) if place else self.column + 1
        self.kind, self.style = attributes.get("t", "n"), int(attributes.get("s", 0))
        self.written = []

    def data(self, data: str) -> None:
        if self.text is not None:
            self.text.append(data)

    def end(self, name: str) -> None:
        name = local(name)
        if name in VALUES:
            self.text = None
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self.done.append((self.row, self.cells))
        elif name == "rPh":
            self.phonetic = False

    def _end_cell(self) -> None:
        if self.written and 0 < self.column <= MAX_COLUMNS:
            self.cells += [""] * (self.column - len(self.cells))
            self.cells[self.column - 1] = self.convert(self.kind, self.style, "".join(self.written))


def rows(part: IO[bytes], convert: Convert) -> Iterator[Row]:
    """(number, cells) of every row that is there, in rising order; numbers count from 1 and may leave some out.

    Raises `UnreadableFile`, or what `convert` raises.
    """
    sheet = Sheet(convert)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = sheet.start, sheet.end
    parser.CharacterDataHandler = sheet.data
    parser.StartDoctypeDeclHandler = _refuse
    while step := part.read(STEP):
        parser.Parse(step, False)
        yield from _taken(sheet)
    parser.Parse(b"", True)
    yield from _taken(sheet)


def _taken(sheet: Sheet) -> Sequence[Row]:
    done, sheet.done = sheet.done, []
    if sheet.row > MAX_ROW:
        raise UnreadableFile(_("This workbook is too large when unpacked."))
    return done


def _refuse(*_declaration: object) -> None:
    raise UnreadableFile(_("This workbook contains declarations that Excel does not write."))


@lru_cache(maxsize=1_000)
def local(name: str) -> str:
    return name.rpartition(":")[2]


@lru_cache(maxsize=1_000)
def column(letters: str) -> int:
    """`A` -> 1, `AA` -> 27. Raises `ValueError`."""
    if not re.fullmatch("[A-Z]{1,3}", letters):
        raise ValueError(f"{letters[:20]} is no column")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
