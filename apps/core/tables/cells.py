"""What stands in one cell."""

import re
import unicodedata
from datetime import date, datetime, time

DASHES = re.compile(r"[‐‑‒–—―−〜∼]+|-{2,}")
#: What a spreadsheet shows where a formula has come to nothing.
ERRORS = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"}


def narrow(value: str) -> str:
    """Full-width digits, letters, brackets and colons as ASCII; every kind of dash as a hyphen."""
    return DASHES.sub("-", unicodedata.normalize("NFKC", value))


def text(value: object) -> str:
    """A cell as somebody would have typed it. A date that Excel keeps as midnight of its day is a date."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else bare(str(value))


def bare(written: str) -> str:
    """Without blanks around it; an error is nothing."""
    stripped = written.strip()
    return "" if stripped in ERRORS else stripped
