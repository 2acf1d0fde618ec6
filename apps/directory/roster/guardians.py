"""Which guardian a roster means: a guardian has no number, only a name, a mobile number and a child."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from apps.core.masking import masked
from apps.directory.models import ContactPoint, Person
from apps.directory.roster import acts, known
from apps.directory.roster.acts import Act
from apps.directory.roster.columns import Field
from apps.directory.roster.known import Known, Point
from apps.directory.roster.units import key
from apps.directory.roster.values import MAX_NAME, Entry, Flaw, Guardian

MOBILE = ContactPoint.Kind.MOBILE.value
#: Where a roster has the number of a guardian and not the name.
NAMELESS = "%s的家长"
NOBODY = Guardian("", "")


@dataclass(slots=True)
class Guardians:
    """Those that the file has named so far: as they will be (`changed`), and what it said of them first (`said`).

    Where it says something else of the same one further down, it means another: otherwise each line would undo what
    the one before had done, every time the file is applied. New ones of the same name and number are one, and of those
    who are only a number all with that number, which `applying.py` sees to.
    """

    #: Ids of those whose number stays as it is.
    untouchable: frozenset[int] = frozenset()
    elsewhere: dict[tuple[str, str], int] = field(default_factory=dict)
    changed: dict[int, Known] = field(default_factory=dict)
    said: dict[int, Guardian] = field(default_factory=dict)

    def look_up(self, entries: Sequence[Entry]) -> None:
        """Ask the directory once for the guardians of a run of rows: brothers and sisters have the same."""
        found = known.guardians_with({one.mobile for entry in entries for one in entry.guardians if one.mobile})
        self.elsewhere = dict(found)
        for (name, mobile), guardian in found.items():
            if name.endswith(NAMELESS % ""):
                self.elsewhere["", mobile] = min(guardian, self.elsewhere.get(("", mobile), guardian))

    def permitted(self, child: Known | None, entry: Entry) -> Entry:
        """Without those who have the name or the number of somebody to whom nothing may be sent about this child."""
        own = self._own(child)
        barred = [one for one in own if one.no_contact]
        if not barred:
            return entry
        pairs = matched(entry.guardians, own, agrees=self._agrees)
        kept = [named for named, one in pairs if not _barred(named, entry.name, barred) or _is_he(named, one)]
        told = [one.name or masked(one.mobile) for one in entry.guardians if one not in kept]
        flaws = [Flaw(Field.GUARDIAN_NAME, value, _why_barred()) for value in told]
        return replace(entry, guardians=tuple(kept), flaws=(*entry.flaws, *flaws))

    def acts(self, child: Known | None, entry: Entry) -> list[Act]:
        """What has to be done so that these are his guardians; those he has besides stay his."""
        own = self._own(child)
        pairs = matched(entry.guardians, own, agrees=self._agrees)
        ids = {one.id for one in own}
        found = [self._changed(named, one) if one else self._joined(named, ids, entry.name) for named, one in pairs]
        return [act for act in found if act]

    def _own(self, child: Known | None) -> list[Known]:
        """As they will be. To whom nothing may be sent is said of each child."""
        own = child.guardians if child else ()
        return [replace(self.changed.get(one.id, one), no_contact=one.no_contact) for one in own]

    def _agrees(self, named: Guardian, guardian: int) -> bool:
        said = self.said.get(guardian, NOBODY)
        pairs = ((named.name, said.name), (named.mobile, said.mobile))
        return all(not now or not before or now == before for now, before in pairs)

    def _note(self, named: Guardian, guardian: int) -> None:
        said = self.said.get(guardian, NOBODY)
        self.said[guardian] = Guardian(named.name or said.name, named.mobile or said.mobile)

    def _joined(self, named: Guardian, own: set[int], child: str) -> Act:
        found = self.elsewhere.get((named.name, named.mobile))
        if found and found not in own and self._agrees(named, found) and self._is_still(named, found):
            self._note(named, found)
            return {"id": found, "relate": True}
        name = (named.name or NAMELESS % child)[-MAX_NAME:]
        made = {"id": None, "name": name, "mobile": named.mobile, "relate": True}
        return made if named.name else {**made, "nameless": True}

    def _is_still(self, named: Guardian, guardian: int) -> bool:
        changed = self.changed.get(guardian)
        return changed is None or (_both(named, changed) if named.name else _number(named, changed))

    def _takes(self, guardian: Known, named: Guardian) -> bool:
        return bool(named.mobile) and guardian.id not in self.untouchable

    def _changed(self, named: Guardian, guardian: Known) -> Act:
        """A teacher who is a parent is what the roster of the staff says."""
        self._note(named, guardian.id)
        if guardian.kind != Person.Kind.GUARDIAN:
            return {}
        if guardian.fixed:
            named = Guardian("", named.mobile)
        reach = acts.reach(guardian, {MOBILE: named.mobile} if self._takes(guardian, named) else {})
        change = acts.filled({"set": acts.columns(guardian, {"name": named.name}), **reach})
        if not change:
            return {}
        self.changed[guardian.id] = _after(guardian, named)
        return {"id": guardian.id, **change}


def matched(
    named: Sequence[Guardian], own: Sequence[Known], *, agrees: Callable[[Guardian, int], bool] = lambda _one, _id: True
) -> list[tuple[Guardian, Known | None]]:
    """Name and number tell a guardian; then the name alone; then the number alone, for a name that was corrected."""
    rest, pairs = list(own), {}
    for rule in (_both, _name, _number):
        for one in named:
            fits = (guardian for guardian in rest if rule(one, guardian) and agrees(one, guardian.id))
            if one not in pairs and (found := next(fits, None)):
                pairs[one] = found
                rest.remove(found)
    return [(one, pairs.get(one)) for one in named]


def _both(named: Guardian, guardian: Known) -> bool:
    return _name(named, guardian) and _number(named, guardian)


def _name(named: Guardian, guardian: Known) -> bool:
    return bool(named.name) and named.name == guardian.name


def _number(named: Guardian, guardian: Known) -> bool:
    return bool(named.mobile) and named.mobile in (point.value for point in guardian.of_kind(MOBILE))


def _barred(named: Guardian, child: str, barred: Sequence[Known]) -> bool:
    called = key(named.name or NAMELESS % child)
    return any(called == key(one.name) or _number(named, one) for one in barred)


def _is_he(named: Guardian, guardian: Known | None) -> bool:
    """Whether the row names the one to whom nothing may be sent, and nobody else."""
    return bool(guardian and guardian.no_contact) and (not named.name or key(named.name) == key(guardian.name))


def _why_barred() -> str:
    return _("Nothing may be sent about this child to a guardian of this name or number: nobody is added.")


def _after(guardian: Known, named: Guardian) -> Known:
    """As he will be: the next child of his in the file finds it done."""
    kept = [point for point in guardian.points if point.source != acts.ROSTER or point.kind != MOBILE]
    values: dict[str, Any] = {"name": named.name or guardian.name, "points": guardian.points}
    if named.mobile and named.mobile not in (point.value for point in kept):
        kept.append(Point(0, MOBILE, named.mobile, acts.ROSTER))
    if named.mobile:
        values["points"] = tuple(kept)
    return replace(guardian, **values)
