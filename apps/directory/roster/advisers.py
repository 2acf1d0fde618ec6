"""Class advisers of a roster: the same name in every row of a class, by number or by a name that only one has."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.directory.models import Adviser, OrgUnit, Person, RosterChange
from apps.directory.roster.columns import Field
from apps.directory.roster.units import Path, Tree

#: Number and name of one of the staff; either may be empty.
Named = tuple[str, str]


@dataclass(slots=True)
class Advisers:
    """Unit -> whom its rows name, and where first. `new`: name -> numbers of those who come with the same file."""

    named: dict[int | Path, Counter[Named]] = field(default_factory=lambda: defaultdict(Counter))
    lines: dict[int | Path, int] = field(default_factory=dict)
    new: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, unit: int | Path, adviser: Named, line: int) -> None:
        if any(adviser):
            self.named[unit][adviser] += 1
            self.lines.setdefault(unit, line)

    def note_new(self, number: str, name: str) -> None:
        self.new[name].add(number)

    def changes(self, tree: Tree) -> list[RosterChange]:
        """Whoever the file names is the adviser of the class from then on, and nobody else is."""
        wanted = {unit: counted for unit, counted in self.named.items() if self._is_class(unit, tree)}
        staff = self._staff({one for counted in wanted.values() for one in counted})
        before = of_units([unit for unit in wanted if isinstance(unit, int)])
        # Of somebody of another unit the number may be all there is to know: none is told that the file does not hold.
        written = {number for counted in wanted.values() for number, _name in counted}.union(*self.new.values())
        found = []
        for unit, counted in wanted.items():
            numbers = {staff.get(one, "") for one in counted}
            own = before.get(unit, {}) if isinstance(unit, int) else {}
            if "" in numbers or len(numbers) > 1:
                found.append(self._unclear(unit, counted, tree))
            elif numbers != own.keys():
                number = numbers.pop()
                found.append(self._change(unit, number, number if number in written else "", own, tree))
        return found

    def _staff(self, named: Iterable[Named]) -> dict[Named, str]:
        """The number of the one who is meant; nothing where nobody is, or several may be."""
        numbers, names = (sorted({one[index] for one in named if one[index]}) for index in (0, 1))
        staff = Person.objects.filter(kind=Person.Kind.STAFF, number__isnull=False).exclude(state=Person.State.LEFT)
        by_name = defaultdict(set, {name: set(self.new[name]) for name in names if name in self.new})
        for number, name in staff.filter(name__in=names).values_list("number", "name"):
            by_name[name].add(number)
        known = set(staff.filter(number__in=numbers).values_list("number", flat=True)).union(*self.new.values())
        found = {}
        for number, name in named:
            meant = {number} & known if number else by_name[name]
            if len(meant) == 1:
                found[number, name] = next(iter(meant))
        return found

    def _is_class(self, unit: int | Path, tree: Tree) -> bool:
        kind = tree.nodes[unit].kind if isinstance(unit, int) else unit[-1][0]
        return kind == OrgUnit.Kind.CLASS

    def _change(self, unit: int | Path, number: str, shown: str, own: dict[str, str], tree: Tree) -> RosterChange:
        return RosterChange(
            kind=RosterChange.Kind.ADVISER,
            line=self.lines[unit],
            number=shown,
            name=_name(unit, tree),
            values={"adviser": ["; ".join(own.values()), f"{self._written(unit)} {shown}".strip()]},
            act={"adviser": number, "unit": unit if isinstance(unit, int) else list(map(list, unit))},
            fingerprint=fingerprint(own),
        )

    def _written(self, unit: int | Path) -> str:
        """The adviser's name as the rows of the class have it first."""
        return next(iter(self.named[unit]))[1]

    def _unclear(self, unit: int | Path, counted: Counter[Named], tree: Tree) -> RosterChange:
        written = "; ".join(" ".join(filter(None, one)) for one in counted)
        if len(counted) > 1:
            reason = _("The rows of the class name several class advisers: %s") % written
        else:
            reason = _("Nobody of the staff, or more than one, is called: %s") % written
        return RosterChange(
            kind=RosterChange.Kind.IGNORED,
            line=self.lines[unit],
            column=Field.ADVISER,
            name=_name(unit, tree),
            reason=reason[:300],
        )


def fingerprint(advisers: Iterable[str]) -> str:
    """Of the numbers of the advisers of a unit."""
    return hashlib.blake2b(repr(sorted(advisers)).encode(), digest_size=8).hexdigest()


def _name(unit: int | Path, tree: Tree) -> str:
    return (tree.path(unit) if isinstance(unit, int) else " / ".join(name for _kind, name in unit))[:200]


def of_units(units: Iterable[int]) -> dict[int, dict[str, str]]:
    """Unit -> number and name of its advisers."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    rows = Adviser.objects.filter(unit__in=list(units)).values_list("unit", "person__number", "person__name")
    for unit, number, name in rows:
        found[unit][number or name] = name
    return found
