"""What the directory holds of the people of a roster: read in bulk, compared whole."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import QuerySet

from apps.core.db import chunks
from apps.directory.models import ContactPoint, Membership, Person, Relation

KINDS = (ContactPoint.Kind.EMAIL, ContactPoint.Kind.MOBILE)


@dataclass(frozen=True, slots=True)
class Point:
    id: int
    kind: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Known:
    """A person as he is in the directory. `units` are (membership, unit) ids; `born_on` is in ISO form, empty if
    there is none. Guardians of guardians are not looked at.
    """

    id: int
    number: str | None
    name: str
    kind: str
    state: str
    cohort: int | None
    born_on: str
    units: tuple[tuple[int, int], ...] = ()
    points: tuple[Point, ...] = ()
    guardians: "tuple[Known, ...]" = ()
    #: Of a guardian: nothing may be sent to him on account of this child.
    no_contact: bool = False
    #: The same on account of some child: by his name he is kept apart, so it stays.
    fixed: bool = False

    def of_kind(self, kind: str) -> list[Point]:
        return [point for point in self.points if point.kind == kind]

    @property
    def fingerprint(self) -> str:
        """Another one as soon as anything that a roster could touch is not as it was."""
        return hashlib.blake2b(repr(self).encode(), digest_size=8).hexdigest()


def by_number(numbers: Iterable[str]) -> dict[str, Known]:
    people = Person.objects.filter(number__in=list(numbers))
    return {one.number: one for one in _read(people) if one.number}


def by_id(ids: Iterable[int]) -> dict[int, Known]:
    return {one.id: one for one in _read(Person.objects.filter(pk__in=list(ids)))}


def guardians_with(mobiles: Iterable[str]) -> dict[tuple[str, str], int]:
    """(name, mobile) -> id of the guardians who can be reached there; of two, the one who was there first."""
    points = ContactPoint.objects.filter(
        kind=ContactPoint.Kind.MOBILE, value__in=list(mobiles), person__kind=Person.Kind.GUARDIAN
    )
    rows = points.order_by("-person").values_list("person__name", "value", "person")
    return {(name, mobile): person for name, mobile, person in rows}


class Member(NamedTuple):
    id: int
    number: str
    name: str
    kind: str


def covered(kinds: Iterable[str], units: Iterable[int]) -> list[Member]:
    """Everybody who has not left and belongs to one of the units."""
    members = Membership.objects.filter(unit__in=list(units)).values("person")
    people = Person.objects.filter(kind__in=list(kinds), number__isnull=False, pk__in=members)
    rows = people.exclude(state=Person.State.LEFT).order_by("pk").values_list("pk", "number", "name", "kind")
    return list(map(Member._make, rows))


def _read(people: QuerySet[Person]) -> list[Known]:
    rows = list(people.order_by("pk").values_list("pk", "number", "name", "kind", "state", "cohort", "born_on"))
    ids = [row[0] for row in rows]
    units, points, guardians = _units(ids), _points(ids), _guardians(ids)
    return [
        Known(
            *row[:6],
            born_on=row[6].isoformat() if row[6] else "",
            units=tuple(units[row[0]]),
            points=tuple(points[row[0]]),
            guardians=tuple(guardians[row[0]]),
        )
        for row in rows
    ]


def _units(people: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    found = defaultdict(list)
    rows = Membership.objects.filter(person__in=people).order_by("pk")
    for pk, person, unit in rows.values_list("pk", "person", "unit"):
        found[person].append((pk, unit))
    return found


def _points(people: Sequence[int]) -> dict[int, list[Point]]:
    """Oldest first, as that is the one that is written to."""
    found = defaultdict(list)
    rows = ContactPoint.objects.filter(person__in=people, kind__in=KINDS).order_by("pk")
    for pk, person, *rest in rows.values_list("pk", "person", "kind", "value", "source"):
        found[person].append(Point(pk, *rest))
    return found


def _guardians(people: Sequence[int]) -> dict[int, list[Known]]:
    found = defaultdict(list)
    relations = Relation.objects.filter(of__in=people, kind=Relation.Kind.GUARDIAN).order_by("pk")
    about = ("person", "no_contact", "person__name", "person__kind", "person__state")
    rows = list(relations.values_list("of", *about))
    points, fixed = {}, set()
    for some in chunks(list({row[1] for row in rows})):
        points |= _points(some)
        fixed |= set(Relation.objects.filter(person__in=some, no_contact=True).values_list("person", flat=True))
    for child, guardian, no_contact, name, kind, state in rows:
        reach = tuple(points.get(guardian, ()))
        flags = {"no_contact": no_contact, "fixed": guardian in fixed}
        found[child].append(Known(guardian, None, name, kind, state, None, "", points=reach, **flags))
    return found
