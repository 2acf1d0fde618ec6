"""Workbooks (.xlsx): looked at before anything is unpacked, then read row by row.

Nothing of the file is trusted: not its name, not the sizes it announces, not its dimensions. Formulas are never
evaluated: a cell is what the program that saved it had last shown there.
"""

import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar
from xml.parsers.expat import ExpatError

from django.utils.translation import gettext as _
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.datetime import from_excel, from_ISO8601

from apps.core.errors import UnreadableFile
from apps.core.tables import cells, sheets

File = str | Path | BinaryIO
T = TypeVar("T")
#: What openpyxl, expat and our own reading make of a file that is none.
BROKEN = (
    *(KeyError, ValueError, OSError, SyntaxError, AttributeError, TypeError, IndexError, OverflowError, EOFError),
    *(zipfile.BadZipFile, ExpatError),
)

MAX_ENTRIES = 1_000
#: Bytes of the list of entries, which is in memory before one of them is looked at.
MAX_DIRECTORY = 1024 * 1024
MAX_UNPACKED = 256 * 1024 * 1024
#: Texts that cells share are in memory while a sheet is read.
MAX_STRINGS = 64 * 1024 * 1024
STRINGS = "xl/sharedStrings.xml"
STEP = 1024 * 1024
#: No XML of a workbook declares anything; what does may expand without end. In UTF-16 there are zeros in between.
DECLARATION = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
FOREIGN_ENCODING = re.compile(rb"""^[^>]{0,80}encoding\s*=\s*["'](?!utf-?(?:8|16)["'])""", re.IGNORECASE)
ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")


def is_workbook(content: bytes) -> bool:
    return content[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def check(file: File) -> int:
    """Refuse what is no workbook, a zip bomb, paths that lead elsewhere, XML with declarations that expand.

    Returns about how many rows its sheets have. Raises `UnreadableFile`.
    """
    try:
        _check_directory(file)
        with zipfile.ZipFile(file) as package:
            _check_entries(package.infolist())
            rows = sum(_scan(package, entry) for entry in package.infolist())
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, struct.error) as error:
        raise UnreadableFile(_("This file is not an Excel workbook (.xlsx).")) from error
    if not isinstance(file, (str, Path)):
        file.seek(0)
    return rows


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    path: str
    book: "Book"


class Book:
    """What the sheets of a workbook have in common: the texts that cells share, and which styles show dates."""

    def __init__(self, file: File) -> None:
        self.reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
        self.reader.read_manifest()
        self.reader.read_strings()
        self.reader.read_workbook()
        apply_stylesheet(self.reader.archive, self.reader.wb)
        self.texts, self.book = self.reader.shared_strings, self.reader.wb

    def sheets(self) -> list[Sheet]:
        found = [(sheet.name, rel) for sheet, rel in self.reader.parser.find_sheets() if "worksheet" in rel.Type]
        return [Sheet(title, rel.target, self) for title, rel in found if rel.target in self.reader.valid_files]

    def shown(self, kind: str, style: int, written: str) -> str:
        """A cell as somebody would have typed it. `kind` is ST_CellType of ECMA-376, 18.18.11."""
        if kind == "s":
            return cells.bare(self.texts[int(written)])
        if kind == "n":
            number = float(written)
            if style in self.book._date_formats:
                number = from_excel(number, self.book.epoch, timedelta=style in self.book._timedelta_formats)
            return cells.text(number)
        if kind == "d":
            return cells.text(from_ISO8601(written))
        return cells.bare(written) if kind != "b" else str(bool(int(written)))


@contextmanager
def opened(file: File) -> Iterator[list[Sheet]]:
    """Its worksheets. Raises `UnreadableFile`, as reading their rows does."""
    book = _tried(lambda: Book(file))
    with book.reader.archive:
        yield book.sheets()


def rows(sheet: Sheet) -> Iterator[list[str]]:
    """Rows as text, each as long as it is; one that is left out is empty. The dimensions in the file may be wrong."""
    with sheet.book.reader.archive.open(sheet.path) as part:
        found, expected = sheets.rows(part, sheet.book.shown), 1
        while row := _tried(lambda: next(found, None)):
            number, values = row
            yield from ([] for _missing in range(expected, number))
            yield values
            expected = number + 1


def _tried(read: Callable[[], T]) -> T:
    """Whatever a file can make of openpyxl and of expat. Raises `UnreadableFile`."""
    try:
        return read()
    except BROKEN as error:
        raise UnreadableFile(_("This workbook cannot be opened: %(error)s") % {"error": error}) from error


def _check_directory(file: File) -> None:
    """Before `ZipFile` makes an object of every entry. Offsets: APPNOTE.TXT 4.3.14 and 4.3.16."""
    tail = _tail(file, 66_000)
    end, end64 = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    if end < 0:
        raise zipfile.BadZipFile
    entries, size = struct.unpack("<10xHI", tail[end : end + 16])
    if end64 >= 0:
        entries64, size64 = struct.unpack("<32xQQ", tail[end64 : end64 + 48])
        entries, size = max(entries, entries64), max(size, size64)
    if entries > MAX_ENTRIES or size > MAX_DIRECTORY:
        raise _too_large()


def _tail(file: File, length: int) -> bytes:
    if isinstance(file, (str, Path)):
        with open(file, "rb") as opened_file:
            return _tail(opened_file, length)
    size = file.seek(0, 2)
    file.seek(max(0, size - length))
    return file.read()


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    sizes = {entry.filename: entry.file_size for entry in entries}
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise _too_large()
    if sizes.get(STRINGS, 0) > MAX_STRINGS:
        raise _too_large()
    for name in sizes:
        if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts:
            raise UnreadableFile(_("This workbook contains paths that lead out of it."))


def _scan(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    """Read the part once, step by step; how many rows of a sheet it holds."""
    found, before = 0, b""
    is_sheet = entry.filename.startswith("xl/worksheets/")
    with package.open(entry) as part:
        while step := part.read(STEP):
            text = before[-32:] + step.replace(b"\0", b"")
            if DECLARATION.search(text) or (not before and FOREIGN_ENCODING.search(text[:200])):
                raise UnreadableFile(_("This workbook contains declarations that Excel does not write."))
            found += len(ROW.findall(step)) if is_sheet else 0
            before = text
    return found


def _too_large() -> UnreadableFile:
    return UnreadableFile(_("This workbook is too large when unpacked."))
