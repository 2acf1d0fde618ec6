"""Delimited text (.csv and its relatives), as whatever program of whatever country has written it."""

import codecs
import csv
import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.core.errors import UnreadableFile
from apps.core.tables.cells import bare

SEPARATORS = (",", ";", "\t")
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: Without a BOM: what is valid UTF-8 is UTF-8. GB18030 is what Excel in China writes, and holds GBK and GB2312.
GUESSES = ("utf-8", "gb18030")
END = re.compile(r"\r\n?|\n")
LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
OLD_EXCEL = b"\xd0\xcf\x11\xe0"


def decode(content: bytes) -> str:
    """The text, with its line ends as they are. Raises `UnreadableFile`."""
    if content.startswith(OLD_EXCEL):
        raise UnreadableFile(_("This is a workbook of the old kind (.xls). Save it as .xlsx."))
    known = next((encoding for bom, encoding in BOMS.items() if content.startswith(bom)), None)
    text = _decoded(content, (known,) if known else GUESSES)
    if "\0" in text:
        line = 1 + sum(1 for _end in END.finditer(text, 0, text.index("\0")))
        raise UnreadableFile(
            _("Line %(line)d holds characters that no text has. Save the file as UTF-8.") % {"line": line}
        )
    return text


def rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every record, lines counted from 1; empty ones too. Raises `UnreadableFile`."""
    reader = csv.reader(_lines(text), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, list(map(bare, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(_("Line %(line)d cannot be read: %(error)s") % {"line": line, "error": error}) from error


def _decoded(content: bytes, encodings: tuple[str, ...]) -> str:
    furthest = 0
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            furthest = max(furthest, error.start)
    line = content.count(b"\n", 0, furthest) + 1
    raise UnreadableFile(
        _("Line %(line)d is neither UTF-8 nor GB18030. Save the file as UTF-8, or as .xlsx.") % {"line": line}
    )


def _lines(text: str) -> Iterator[str]:
    """One at a time: `StringIO` makes a copy of all of it, of four bytes for each character."""
    return (found[0].rstrip("\r\n") + "\n" for found in LINE.finditer(text))
