"""What the cells of a row mean. Pure.

What says who somebody is has to be right, or the row is not used (`RowFault`); an address or a date that cannot be read
is left out and said (`Flaw`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from apps.core.errors import InvalidInput
from apps.core.masking import masked
from apps.core.tables.cells import narrow
from apps.directory import contacts
from apps.directory.models import ContactPoint, Person
from apps.directory.roster.columns import NUMBERS, Field

Kind, State = Person.Kind, Person.State

MAX_NAME = 100
NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,39}")
YEAR = re.compile(r"((?:19|20)?\d\d)级?", re.ASCII)
DAY = re.compile(r"(\d{4}) ?[-/.年] ?(\d{1,2}) ?[-/.月] ?(\d{1,2}) ?日?(?:[ T]0?0:00(?::00)?)?", re.ASCII)
COMPACT_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1900, 2100

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("学生", "本科生", "专科生", "在校生", "student", "pupil"), Kind.STUDENT),
    **dict.fromkeys(
        ("教职工", "教师", "老师", "职工", "教工", "员工", "行政", "辅导员", "staff", "teacher", "employee"), Kind.STAFF
    ),
}
STATES: Mapping[str, State] = {
    **dict.fromkeys(
        ("在读", "在校", "在籍", "在职", "在岗", "正常", "注册", "复学", "active", "enrolled", "employed"),
        State.ACTIVE,
    ),
    **dict.fromkeys(("实习", "顶岗实习", "岗位实习", "校外实习", "on internship", "internship"), State.INTERNSHIP),
    **dict.fromkeys(("休学", "停学", "保留学籍", "停职", "病休", "suspended"), State.SUSPENDED),
    **dict.fromkeys(
        (
            *("离校", "毕业", "结业", "肄业", "退学", "转学", "转出", "开除", "离职", "退休", "调离", "注销"),
            *("left", "graduated", "withdrawn"),
        ),
        State.LEFT,
    ),
}
#: What people write where there is no guardian.
NOBODY = {"无", "暂无", "没有", "/", "-", "n/a", "none"}


class RowFault(ValueError):
    """The row cannot be used; `column` is the field it is about."""

    def __init__(self, reason: str, column: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column

    def again(self) -> "RowFault":
        """One that has not been raised: a raised one holds on to everything that was there at the time."""
        return RowFault(self.reason, self.column)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A value that is left out. The value itself is masked: it may be an address but for one digit."""

    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Guardian:
    name: str
    mobile: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as it was meant. Empty says nothing: what is in the directory stays.

    `names` are the names of units by field, as they were written.
    """

    number: str
    name: str
    kind: Kind | None
    state: State | None
    cohort: int | None
    born_on: str
    names: Mapping[str, str]
    contacts: Mapping[str, str]
    guardians: tuple[Guardian, ...]
    adviser: tuple[str, str]
    flaws: tuple[Flaw, ...]


UNIT_FIELDS = (*(Field.UNIT_CODE, Field.UNIT_PATH, Field.COLLEGE, Field.PROGRAMME, Field.CLASS_NAME, Field.DEPARTMENT),)
GUARDIANS = (
    (Field.GUARDIAN_NAME, Field.GUARDIAN_MOBILE),
    (Field.GUARDIAN2_NAME, Field.GUARDIAN2_MOBILE),
)


def number_of(cells: Mapping[str, str]) -> str:
    """Raises `RowFault`."""
    field, written = next(((one, cells[one]) for one in NUMBERS if cells.get(one)), (NUMBERS[0], ""))
    number = narrow(written)
    if not number:
        raise RowFault(_("This row has no number."), field)
    if not NUMBER.fullmatch(number):
        raise RowFault(_("This is no number; a spreadsheet may have changed it: %s") % written[:60], field)
    return number


def entry(number: str, cells: Mapping[str, str]) -> Entry:
    """Raises `RowFault`."""
    flaws: list[Flaw] = []
    return Entry(
        number=number,
        name=_name(cells.get(Field.NAME, ""), Field.NAME),
        kind=_kind(cells),
        state=_state(cells),
        cohort=_cohort(cells, flaws),
        born_on=_born_on(cells, flaws),
        names={field: cells[field] for field in UNIT_FIELDS if cells.get(field)},
        contacts=_contacts(cells, flaws),
        guardians=tuple(_guardians(cells, flaws)),
        adviser=(narrow(cells.get(Field.ADVISER_NUMBER, "")), spaced(cells.get(Field.ADVISER, ""))),
        flaws=tuple(flaws),
    )


def _name(written: str, field: Field) -> str:
    name = spaced(written)
    if not name:
        raise RowFault(_("This row has no name."), field)
    if len(name) > MAX_NAME or any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise RowFault(_("This is no name: longer than %d characters, or unprintable.") % MAX_NAME, field)
    return name


def spaced(written: str) -> str:
    return " ".join(written.split())


def _kind(cells: Mapping[str, str]) -> Kind | None:
    """What the row says; else what the name of the column says that the number stands in."""
    if written := _bare(cells.get(Field.KIND, "")):
        if written not in KINDS:
            raise RowFault(_("Neither a student nor of the staff: %s") % written[:60], Field.KIND)
        return KINDS[written]
    if cells.get(Field.STUDENT_NUMBER):
        return Kind.STUDENT
    return Kind.STAFF if cells.get(Field.STAFF_NUMBER) else None


def _state(cells: Mapping[str, str]) -> State | None:
    """One we do not know is not taken for active: who has been expelled gets nothing."""
    written = _bare(cells.get(Field.STATE, ""))
    if not written:
        return None
    if written not in STATES:
        raise RowFault(_("This state is not known: %s") % written[:60], Field.STATE)
    return STATES[written]


def _bare(written: str) -> str:
    return narrow(written).strip().lower()


def _cohort(cells: Mapping[str, str], flaws: list[Flaw]) -> int | None:
    written = narrow(cells.get(Field.COHORT, ""))
    if not written:
        return None
    found = YEAR.fullmatch(written.replace(" ", ""))
    year = int(found[1]) if found else 0
    year += 2000 if 0 < year < 100 else 0
    if FIRST_YEAR <= year <= LAST_YEAR:
        return year
    flaws.append(Flaw(Field.COHORT, written[:60], _("This is no year.")))
    return None


def _born_on(cells: Mapping[str, str], flaws: list[Flaw]) -> str:
    """In ISO form; empty if there is none."""
    written = narrow(cells.get(Field.BORN_ON, ""))
    if not written:
        return ""
    found = DAY.fullmatch(written) or COMPACT_DAY.fullmatch(written)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        day = None
    if day and FIRST_YEAR <= day.year <= LAST_YEAR:
        return day.isoformat()
    flaws.append(Flaw(Field.BORN_ON, written[:60], _("This is no date.")))
    return ""


def _contacts(cells: Mapping[str, str], flaws: list[Flaw]) -> dict[str, str]:
    kinds = {Field.EMAIL: ContactPoint.Kind.EMAIL, Field.MOBILE: ContactPoint.Kind.MOBILE}
    found = {kind.value: _address(cells, field, kind, flaws) for field, kind in kinds.items()}
    return {kind: value for kind, value in found.items() if value}


def _address(cells: Mapping[str, str], field: Field, kind: ContactPoint.Kind, flaws: list[Flaw]) -> str:
    written = cells.get(field, "")
    if not written:
        return ""
    try:
        return contacts.normalise(kind, narrow(written))
    except InvalidInput as error:
        flaws.append(Flaw(field, masked(written[:60]), error.detail))
        return ""


def _guardians(cells: Mapping[str, str], flaws: list[Flaw]) -> list[Guardian]:
    found = []
    for name_field, mobile_field in GUARDIANS:
        named = {field: cells.get(field, "") for field in (name_field, mobile_field)}
        named = {field: "" if _bare(written) in NOBODY else written for field, written in named.items()}
        mobile = _address(named, mobile_field, ContactPoint.Kind.MOBILE, flaws)
        name = spaced(named[name_field])
        try:
            name = _name(name, name_field) if name else ""
        except RowFault as fault:
            flaws.append(Flaw(name_field, name[:60], fault.reason))
            name = ""
        if name or mobile:
            found.append(Guardian(name, mobile))
    return [one for position, one in enumerate(found) if one not in found[:position]]
