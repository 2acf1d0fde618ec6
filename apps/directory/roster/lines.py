"""One line of the diff: what it is called, and what a person is shown of it."""

from typing import Any

from django.utils.translation import gettext as _

from apps.core.masking import masked
from apps.directory.models import ContactPoint, Person, RosterChange
from apps.directory.roster.acts import Act
from apps.directory.roster.columns import Field
from apps.directory.roster.known import Known
from apps.directory.roster.reading import Row
from apps.directory.roster.units import Path, Tree
from apps.directory.roster.values import Entry, Flaw, RowFault

Kind = RosterChange.Kind


def kind_of(person: Known | None, act: Act) -> Kind:
    if person is None:
        return Kind.NEW
    state = act.get("set", {}).get("state")
    if state == Person.State.LEFT:
        return Kind.LEFT
    if state and person.state == Person.State.LEFT:
        return Kind.RETURNED
    return Kind.MOVED if act.keys() & {"join", "leave"} else Kind.CHANGED


def shown(tree: Tree, person: Known | None, act: Act) -> dict[str, list[Any]]:
    """Field -> before and after, as a person may read it."""
    fields = {name: [getattr(person, name, None), value] for name, value in act.get("set", {}).items()}
    if "join" in act or "leave" in act:
        own = dict(person.units) if person else {}
        before = [tree.path(own[pk]) for pk in act.get("leave", ())]
        fields["unit"] = ["; ".join(before), "; ".join(_named(tree, one) for one in act.get("join", ()))]
    fields |= _addresses(person, act)
    if "guardians" in act:
        fields["guardians"] = ["", "; ".join(_guardian(one) for one in act["guardians"])]
    return fields


def _named(tree: Tree, unit: int | list[list[str]]) -> str:
    return tree.path(unit) if isinstance(unit, int) else " / ".join(name for _kind, name in unit)


def _addresses(person: Known | None, act: Act) -> dict[str, list[Any]]:
    known_points = {point.id: point for point in (person.points if person else ())}
    fields: dict[str, list[Any]] = {}
    for kind, value, replaced in act.get("contacts", ()):
        before = known_points.get(replaced)
        fields[kind] = [masked(before.value) if before else "", masked(value)]
    for pk in act.get("drop", ()):
        point = known_points[pk]
        fields.setdefault(point.kind, ["", ""])[0] += f" {masked(point.value)}"
    return fields


def _guardian(act: Act) -> str:
    values = [act.get("name") or act.get("set", {}).get("name", ""), act.get("mobile", "")]
    values += [value for kind, value, _replaced in act.get("contacts", ()) if kind == ContactPoint.Kind.MOBILE]
    return " ".join([values[0], *map(masked, filter(None, values[1:]))]).strip() or f"#{act['id']}"


def missing(tree: Tree, person: Known) -> RosterChange:
    """Somebody of the unit who is in no row: he has left, unless he is at home in a unit that the file does not speak
    of, as one of the staff of two colleges is; then he only belongs here no more.
    """
    stays = any(one not in tree.within and tree.is_home(one, person.kind) for _pk, one in person.units)
    leave: Act = {"leave": [pk for pk, one in person.units if one in tree.within]}
    act = leave if stays else {"set": {"state": Person.State.LEFT.value}}
    return RosterChange(
        kind=kind_of(person, act),
        person_id=person.id,
        number=person.number,
        name=person.name,
        values=shown(tree, person, act),
        act=act,
        fingerprint=person.fingerprint,
    )


def untouched() -> str:
    return _("Addresses and state of this person are not yours to change; ask whoever manages the school.")


def kept(person: Known) -> RosterChange:
    """Somebody who is in no row and has not left all the same."""
    return RosterChange(kind=Kind.IGNORED, number=person.number, name=person.name, reason=untouched())


def unit(path: Path) -> RosterChange:
    return RosterChange(
        kind=Kind.UNIT, name=" / ".join(name for _kind, name in path)[:200], act={"path": list(map(list, path))}
    )


def unreadable(row: Row, number: str, fault: RowFault) -> RosterChange:
    return RosterChange(
        kind=Kind.UNREADABLE,
        sheet=row.sheet[:100],
        line=row.line,
        column=fault.column,
        number=number,
        name=row.cells.get(Field.NAME, "")[:200],
        reason=fault.reason[:300],
    )


def ignored(row: Row, entry: Entry, flaw: Flaw) -> RosterChange:
    return RosterChange(
        kind=Kind.IGNORED,
        sheet=row.sheet[:100],
        line=row.line,
        column=flaw.column,
        number=entry.number,
        name=entry.name,
        reason=f"{flaw.reason} {flaw.value}".strip()[:300],
    )


def other_sheet(title: str) -> RosterChange:
    return RosterChange(
        kind=Kind.UNREADABLE, sheet=title[:100], reason=_("This sheet has no row with the names of the columns.")
    )
