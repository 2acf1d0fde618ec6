"""Compares a roster with the directory, and says line by line what applying it would do. Writes nothing.

Rows are taken in runs: each costs a handful of queries however many people are in it, and what has been compared is
handed over before the next run is read.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from apps.directory.models import Person, RosterChange
from apps.directory.roster import acts, known, lines, reading, values
from apps.directory.roster.acts import Act
from apps.directory.roster.advisers import Advisers
from apps.directory.roster.columns import Field
from apps.directory.roster.guardians import Guardians
from apps.directory.roster.known import Known
from apps.directory.roster.models import COVERED, LEAVE, SHEETS_SKIPPED
from apps.directory.roster.reading import Row, Sheet
from apps.directory.roster.units import HOMES, Path, Tree, UnknownUnit, key
from apps.directory.roster.values import Entry, Flaw, RowFault

Kind = RosterChange.Kind
#: Rows of one run.
RUN = 2_000
Changes = list[RosterChange]


@dataclass(slots=True)
class Plan:
    """What is known of the file so far."""

    tree: Tree
    create_units: bool
    #: Ids of people whose addresses and state the uploader may not set.
    untouchable: frozenset[int] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    #: Number -> line; the names in rows whose number cannot be read; the kinds of those who are in the file.
    seen: dict[str, int] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    new_units: dict[Path, None] = field(default_factory=dict)
    spellings: dict[Path, str] = field(default_factory=dict)
    guardians: Guardians = field(init=False)
    advisers: Advisers = field(default_factory=Advisers)

    def __post_init__(self) -> None:
        self.guardians = Guardians(self.untouchable)

    def changes(self, sheets: list[Sheet], *, complete: bool) -> Iterator[Changes]:
        """The diff, run by run; a run may be empty. Raises `UnreadableFile`."""
        skipped = reading.skipped(sheets)
        self.counts[SHEETS_SKIPPED] = len(skipped)
        yield self._counted([lines.other_sheet(title) for title in skipped])
        rows = reading.rows(sheets)
        while run := list(itertools.islice(rows, RUN)):
            yield self._counted(self._run(run))
        yield self._counted([lines.unit(path) for path in self.new_units])
        yield self._counted(self.advisers.changes(self.tree))
        yield from self._leavers(complete=complete)

    def _counted(self, changes: Changes) -> Changes:
        self.counts.update(change.kind for change in changes)
        return changes

    # --- rows ---------------------------------------------------------------------------------------------------------
    def _run(self, rows: Sequence[Row]) -> Changes:
        self.counts["rows"] += len(rows)
        changes: Changes = []
        entries = [(row, entry) for row in rows if (entry := self._entry(row, changes))]
        people = known.by_number(entry.number for _row, entry in entries)
        self.guardians.look_up([entry for _row, entry in entries])
        for row, entry in entries:
            changes += self._compared(row, entry, people.get(entry.number))
        return changes

    def _entry(self, row: Row, changes: Changes) -> Entry | None:
        """None, and a line that says why, where the row cannot be used. Its number has been seen all the same."""
        number = ""
        try:
            number = values.number_of(row.cells)
            self._note(number, row)
            return values.entry(number, row.cells)
        except RowFault as fault:
            if not number:
                self.unclear.add(values.spaced(row.cells.get(Field.NAME, "")))
            changes.append(lines.unreadable(row, number, fault))
            return None

    def _note(self, number: str, row: Row) -> None:
        if row.beyond:
            self.seen.setdefault(number, row.line)
            raise RowFault(_("There is something to the right of the last column that has a name."))
        if number in self.seen:
            raise RowFault(_("The same number stands in line %d already.") % self.seen[number])
        self.seen[number] = row.line

    def _compared(self, row: Row, entry: Entry, person: Known | None) -> Changes:
        try:
            kind = self._kind(entry, person)
            unit = self._unit(entry, person)
        except RowFault as fault:
            return [lines.unreadable(row, entry.number, fault)]
        self.kinds.add(kind)
        if unit is not None:
            self.advisers.note(unit, entry.adviser, row.line)
        if person is None and kind == Person.Kind.STAFF:
            self.advisers.note_new(entry.number, entry.name)
        entry = self.guardians.permitted(person, self._permitted(entry, person))
        change = self._change(entry, person, kind, unit)
        if change:
            self.counts[LEAVE % kind] += change.kind == Kind.LEFT
            change.sheet, change.line = row.sheet[:100], row.line
        else:
            self.counts["unchanged"] += 1
        return [*([change] if change else []), *(lines.ignored(row, entry, flaw) for flaw in entry.flaws)]

    def _permitted(self, entry: Entry, person: Known | None) -> Entry:
        """Without addresses and a state that the uploader may not set."""
        if person is None or person.id not in self.untouchable:
            return entry
        if not acts.reach(person, entry.contacts) and _state(entry, person) in (None, person.state):
            return entry
        return replace(
            entry,
            contacts={},
            state=Person.State(person.state),
            flaws=(*entry.flaws, Flaw("", "", lines.untouched())),
        )

    def _kind(self, entry: Entry, person: Known | None) -> str:
        if person is None and entry.kind is None:
            raise RowFault(_("The row does not say whether this is a student or one of the staff."))
        if person and not self._ours(person):
            top = self.tree.nodes[self.tree.top].name
            raise RowFault(_("This number belongs to somebody who is not of %s.") % top)
        if person and person.kind not in ((entry.kind,) if entry.kind else HOMES):
            kind = Person.Kind(person.kind).label
            raise RowFault(
                _("This number is known as somebody else's: %(name)s, %(kind)s.") % {"name": person.name, "kind": kind}
            )
        return person.kind if person else entry.kind.value

    def _ours(self, person: Known) -> bool:
        """Somebody without any unit belongs to the school as a whole."""
        units = {unit for _membership, unit in person.units}
        return bool(units & self.tree.within) or (not units and self.tree.whole_school)

    def _unit(self, entry: Entry, person: Known | None) -> int | Path | None:
        try:
            unit = self.tree.meant(entry.names)
        except UnknownUnit as unknown:
            if not self.create_units:
                raise
            path = self._spelled(unknown.path)
            self.tree.place(path)
            self.new_units.setdefault(path)
            return path
        if unit is None and person is None:
            raise RowFault(_("The row names no class and no department."))
        return unit

    def _spelled(self, path: Path) -> Path:
        """As the file spelled it first: wide and narrow letters name one unit."""
        spelled: Path = ()
        for kind, name in path:
            place = (*((one, key(above)) for one, above in spelled), (kind, key(name)))
            spelled = (*spelled, (kind, self.spellings.setdefault(place, values.spaced(name))))
        return spelled

    # --- one person ---------------------------------------------------------------------------------------------------
    def _change(self, entry: Entry, person: Known | None, kind: str, unit: int | Path | None) -> RosterChange | None:
        columns = {"name": entry.name, "state": _state(entry, person)}
        columns |= {"cohort": entry.cohort, "born_on": entry.born_on}
        if person is None:
            columns |= {"number": entry.number, "kind": kind}
        act = acts.filled(
            {
                "set": acts.columns(person, columns),
                **self._membership(person, kind, unit),
                **acts.reach(person, entry.contacts),
                "guardians": self.guardians.acts(person, entry) if kind == Person.Kind.STUDENT else [],
            }
        )
        if not act:
            return None
        return RosterChange(
            kind=lines.kind_of(person, act),
            person_id=person.id if person else None,
            number=entry.number,
            name=entry.name,
            values=lines.shown(self.tree, person, act),
            act=act,
            fingerprint=person.fingerprint if person else "",
        )

    def _membership(self, person: Known | None, kind: str, unit: int | Path | None) -> Act:
        """A student is in one class. One of the staff who has several hats keeps them, and may get another.

        A row that names no more than the college of a class leaves its people in the class, and one that names another
        hat, a dormitory or (for a student) an office, takes nothing away.
        """
        own = [(pk, one) for pk, one in (person.units if person else ()) if one in self.tree.within]
        if unit is None or any(unit in self.tree.line(one) for _pk, one in own):
            return {}
        left = [pk for pk, one in own if self.tree.is_home(one, kind)]
        if (kind == Person.Kind.STAFF and len(left) > 1) or not self.tree.is_home(unit, kind):
            left = []
        return {"join": [unit if isinstance(unit, int) else list(map(list, unit))], "leave": left}

    # --- who is not in the file ---------------------------------------------------------------------------------------
    def _leavers(self, *, complete: bool) -> Iterator[Changes]:
        """Whoever may be the one in a row without a readable number has not left for certain."""
        members = known.covered(self.kinds, self.tree.within)
        self.counts["covered"] = len(members)
        self.counts.update(COVERED % one.kind for one in members)
        missing = (
            one.id for one in members if complete and one.number not in self.seen and one.name not in self.unclear
        )
        while run := list(itertools.islice(missing, RUN)):
            people = known.by_id(run).values()
            changes = [self._missing(person) for person in people]
            self.counts.update(
                LEAVE % person.kind for person, change in zip(people, changes, strict=True) if change.act
            )
            yield self._counted(changes)

    def _missing(self, person: Known) -> RosterChange:
        change = lines.missing(self.tree, person)
        return lines.kept(person) if person.id in self.untouchable and "set" in change.act else change


def _state(entry: Entry, person: Known | None) -> str | None:
    """Who is in a roster again has not left; None: as it is."""
    if entry.state:
        return entry.state.value
    return Person.State.ACTIVE.value if person and person.state == Person.State.LEFT else None
