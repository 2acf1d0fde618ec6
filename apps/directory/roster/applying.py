"""Writes what a diff has shown, in one transaction: bulk statements, no query for each person.

Before anything is written every person is looked at again: if he is not as he was when the diff was made, nothing is
written at all (`Outdated`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import connection
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from apps.core import db
from apps.core.errors import Conflict, NotAllowed
from apps.directory.models import Adviser, ContactPoint, Membership, OrgUnit, Person, Relation, RosterChange
from apps.directory.roster import advisers, holding, known
from apps.directory.roster.acts import ROSTER, Act
from apps.directory.roster.units import Path, Tree
from apps.directory.signals import contacts_entered

Row = TypeVar("Row", bound=Model)
Progress = Callable[[int], None]
Unit = int | list[list[str]]
Key = tuple[str, str]

RUN = 2_000
BATCH = 1_000
CONTACTS = "contacts"
MOBILE, GUARDIAN = ContactPoint.Kind.MOBILE.value, Relation.Kind.GUARDIAN.value


class Outdated(Conflict):
    """The directory is not as it was when the diff was made."""

    code = "outdated"


@dataclass(slots=True)
class Writer:
    """`made` and `new_guardians` are what the file has brought so far: units by their path, guardians by name and
    number."""

    tree: Tree
    #: Ids of people whose addresses whoever applies this may not set.
    untouchable: frozenset[int] = frozenset()
    made: dict[Path, int] = field(default_factory=dict)
    new_guardians: dict[Key, int] = field(default_factory=dict)
    entered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def write(self, changes: QuerySet[RosterChange], *, progress: Progress) -> None:
        """Raises `Outdated`, or `NotAllowed`."""
        kinds = RosterChange.Kind
        changes = changes.filter(act__isnull=False)
        people = changes.exclude(kind__in=(kinds.UNIT, kinds.ADVISER))
        holding.people(_named(people))
        for run in _runs(people.filter(person__isnull=False)):
            _verify(run)
        self._make_units(changes.filter(kind=kinds.UNIT))
        for run in _runs(people):
            self._write(run)
            progress(len(run))
        for run in _runs(changes.filter(kind=kinds.ADVISER)):
            self._set_advisers(run)
        for kind, values in self.entered.items():
            contacts_entered.send(ContactPoint, kind=kind, values=values)

    # --- people -------------------------------------------------------------------------------------------------------
    def _write(self, changes: Sequence[RosterChange]) -> None:
        """The new ones, then what belongs to whom."""
        old = [change for change in changes if change.person_id]
        new = [change for change in changes if not change.person_id]
        taken = [change.number for change in new]
        if Person.objects.filter(number__in=taken).exists():
            raise _outdated()
        people = _created([Person(**change.act["set"]) for change in new])
        ids = [(change.person_id, change.act) for change in old]
        ids += [(person.pk, change.act) for change, person in zip(new, people, strict=True)]
        wanted = {change.person_id: change.act["set"] for change in old if "set" in change.act}
        for person, columns in wanted.items():
            if "state" in columns:
                self._check(person)
        _set_columns(wanted)
        self._move(ids)
        self._reach(ids)
        self._guard(ids)

    def _move(self, acts: Sequence[tuple[int, Act]]) -> None:
        left = [pk for _person, act in acts for pk in act.get("leave", ())]
        Membership.objects.filter(pk__in=left).delete()
        joined = [(person, self._unit(one)) for person, act in acts for one in act.get("join", ())]
        db.insert_rows(Membership, ["person", "unit"], joined)

    def _check(self, person: int) -> None:
        if person in self.untouchable:
            raise NotAllowed(
                _("It changes addresses or the state of people who are not yours to change. Upload the file yourself.")
            )

    def _reach(self, acts: Iterable[tuple[int, Act]]) -> None:
        """A contact point whose value changes keeps its age, and is no longer verified."""
        new, changed, dropped = [], [], []
        for person, act in acts:
            if act.keys() & {CONTACTS, "drop"}:
                self._check(person)
            dropped += act.get("drop", ())
            for kind, value, replaced in act.get(CONTACTS, ()):
                self.entered[kind].add(value)
                if replaced:
                    changed.append(ContactPoint(pk=replaced, value=value))
                else:
                    new.append((person, kind, value, ROSTER))
        ContactPoint.objects.filter(pk__in=dropped).delete()
        ContactPoint.objects.bulk_update(changed, ["value", "verified_at"], batch_size=BATCH)
        db.insert_rows(ContactPoint, ["person", "kind", "value", "source"], new, now="created_at")

    def _guard(self, acts: Sequence[tuple[int, Act]]) -> None:
        pairs = [(child, act) for child, whole in acts for act in whole.get("guardians", ())]
        self._make_guardians({_key(child, act): act for child, act in pairs if act["id"] is None})
        found = [(act["id"] or self.new_guardians[_key(child, act)], child, act) for child, act in pairs]
        _set_columns({guardian: act["set"] for guardian, _child, act in found if "set" in act})
        self._reach((guardian, act) for guardian, _child, act in found)
        relations = [(guardian, GUARDIAN, child, False) for guardian, child, act in found if act.get("relate")]
        db.insert_rows(Relation, ["person", "kind", "of", "no_contact"], relations)

    def _make_guardians(self, named: dict[Key, Act]) -> None:
        new = {key: act for key, act in named.items() if key not in self.new_guardians}
        people = _created([Person(name=act["name"], kind=Person.Kind.GUARDIAN) for act in new.values()])
        self.new_guardians |= {key: person.pk for key, person in zip(new, people, strict=True)}
        mobiles = [(person.pk, act["mobile"]) for act, person in zip(new.values(), people, strict=True)]
        self._reach((pk, {CONTACTS: [[MOBILE, mobile, None]]}) for pk, mobile in mobiles if mobile)

    # --- units --------------------------------------------------------------------------------------------------------
    def _make_units(self, changes: QuerySet[RosterChange]) -> None:
        for change in changes.order_by("pk"):
            self._make_unit(_path(change.act["path"]))

    def _make_unit(self, path: Path) -> None:
        at, rest = self.tree.place(path)
        for end in range(len(path) - len(rest) + 1, len(path) + 1):
            part = path[:end]
            if part not in self.made:
                kind, name = part[-1]
                self.made[part] = OrgUnit.objects.create(parent_id=at, name=name, kind=kind).pk
            at = self.made[part]
        self.made[path] = at

    def _unit(self, unit: Unit) -> int:
        if not isinstance(unit, int):
            return self.made[_path(unit)]
        if unit not in self.tree.within:
            raise _outdated()
        return unit

    def _set_advisers(self, changes: Sequence[RosterChange]) -> None:
        """Nobody else is adviser of these classes from now on, unless somebody has chosen others meanwhile."""
        acts = [change.act for change in changes]
        before = advisers.of_units(act["unit"] for act in acts if isinstance(act["unit"], int))
        for change in changes:
            own = before.get(change.act["unit"], {}) if isinstance(change.act["unit"], int) else {}
            if advisers.fingerprint(own) != change.fingerprint:
                raise _outdated()
        numbers = {act["adviser"] for act in acts}
        people = dict(Person.objects.filter(number__in=numbers).values_list("number", "pk"))
        if numbers - people.keys():
            raise _outdated()
        wanted = {self._unit(act["unit"]): people[act["adviser"]] for act in acts}
        Adviser.objects.filter(unit__in=wanted).delete()
        Adviser.objects.bulk_create(Adviser(unit_id=unit, person_id=person) for unit, person in wanted.items())


def _runs(changes: QuerySet[RosterChange]) -> Iterator[list[RosterChange]]:
    """By primary key: a cursor would bring all of them at once on MySQL."""
    last = 0
    while run := list(changes.filter(pk__gt=last).order_by("pk")[:RUN]):
        yield run
        last = run[-1].pk


def _named(changes: QuerySet[RosterChange]) -> set[int]:
    """Ids of everybody whom they name."""
    found = set()
    for run in _runs(changes.only("roster", "person", "act")):
        found |= {change.person_id for change in run}
        found |= {act["id"] for change in run for act in change.act.get("guardians", ())}
    return found - {None}


def _verify(changes: Sequence[RosterChange]) -> None:
    people = known.by_id(change.person_id for change in changes)
    for change in changes:
        person = people.get(change.person_id)
        if person is None or person.fingerprint != change.fingerprint:
            raise _outdated()


def _outdated() -> Outdated:
    return Outdated(_("The directory has changed since this was compared. Look at what it would do now."))


def _created(rows: list[Row]) -> list[Row]:
    """With their keys, which MySQL (other than MariaDB and SQLite) does not tell of a bulk insert."""
    if not rows:
        return []
    if connection.features.can_return_rows_from_bulk_insert:
        return type(rows[0])._base_manager.bulk_create(rows, batch_size=BATCH)
    for row in rows:
        row.save(force_insert=True)
    return rows


def _set_columns(wanted: dict[int, dict[str, object]]) -> None:
    people = Person.objects.in_bulk(list(wanted))
    for pk, columns in wanted.items():
        for name, value in columns.items():
            setattr(people[pk], name, value)
    names = sorted({name for columns in wanted.values() for name in columns})
    if names:
        Person.objects.bulk_update(people.values(), names, batch_size=BATCH)


def _key(child: int, act: Act) -> Key:
    """Of one name, only those who can be reached at the same number are one."""
    return "" if act.get("nameless") else act["name"], act["mobile"] or f"#{child}"


def _path(path: list[list[str]]) -> Path:
    return tuple((kind, name) for kind, name in path)
