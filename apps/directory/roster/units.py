"""Which unit a row means: by code, by path, or by its name within what the row says of college and programme."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.core.tables.cells import narrow
from apps.directory.models import OrgUnit, Person
from apps.directory.roster.columns import Field
from apps.directory.roster.values import RowFault

Kind = OrgUnit.Kind
MAX_NAME = 100
SEPARATORS = str.maketrans({"＞": "/", ">": "/", "／": "/", "\\": "/"})
#: What a person is a member of by being there; a dormitory or an office is another hat.
ACADEMIC = (Kind.SCHOOL, Kind.COLLEGE, Kind.PROGRAMME, Kind.CLASS)
OFFICES = (Kind.DEPARTMENT, Kind.ADMINISTRATIVE)
HOMES: Mapping[str, tuple[str, ...]] = {
    Person.Kind.STUDENT: ACADEMIC,
    Person.Kind.STAFF: (*ACADEMIC, *OFFICES),
}
KINDS = {
    Field.COLLEGE: Kind.COLLEGE,
    Field.PROGRAMME: Kind.PROGRAMME,
    Field.CLASS_NAME: Kind.CLASS,
    Field.DEPARTMENT: Kind.DEPARTMENT,
}
#: From the top down; the last one that a row names is where its person belongs.
LEVELS = (Field.COLLEGE, Field.PROGRAMME, Field.CLASS_NAME)


#: (kind, name) of every level, from below the unit of the import downwards.
Path = tuple[tuple[str, str], ...]


class UnknownUnit(RowFault):
    """There is no such unit; `path` is where it would be."""

    def __init__(self, path: Path, column: str) -> None:
        names = " / ".join(name for _kind, name in path)
        super().__init__(_("There is no unit %s.") % names, column)
        self.path = path

    def again(self) -> "UnknownUnit":
        return UnknownUnit(self.path, self.column)


@dataclass(frozen=True, slots=True)
class Node:
    id: int
    parent: int | None
    name: str
    kind: str
    code: str | None


def key(name: str) -> str:
    """Names are the same however wide their letters and spaces are."""
    return "".join(narrow(name).split()).lower()


@dataclass(slots=True)
class Tree:
    """The school's units, and which of them stand below `top`: what lies elsewhere is found and refused."""

    top: int
    nodes: dict[int, Node]
    within: set[int] = field(default_factory=set)
    by_name: dict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))
    by_code: dict[str, Node] = field(default_factory=dict)
    found: dict[tuple[tuple[str, str], ...], "int | RowFault"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        children = defaultdict(list)
        for node in self.nodes.values():
            children[node.parent].append(node.id)
            self.by_name[key(node.name)].append(node)
            if node.code:
                self.by_code[node.code] = node
        todo = [self.top]
        while todo:
            one = todo.pop()
            self.within.add(one)
            todo += children[one]

    @property
    def whole_school(self) -> bool:
        return self.nodes[self.top].parent is None

    def is_home(self, unit: int | Path, kind: str) -> bool:
        """Whether that is where somebody of the kind belongs, rather than another hat of his."""
        if isinstance(unit, int):
            return unit in self.nodes and self.nodes[unit].kind in HOMES[kind]
        return unit[-1][0] in HOMES[kind]

    def path(self, unit: int) -> str:
        """Names from below `top` down to the unit (from the very top where it lies elsewhere)."""
        names = []
        for node in self.upwards(unit):
            if node.id == self.top and names:
                break
            names.append(node.name)
        return " / ".join(reversed(names))

    def line(self, unit: int) -> set[int]:
        """The unit and all that stand above it."""
        return {node.id for node in self.upwards(unit)}

    def upwards(self, unit: int | None) -> Iterator[Node]:
        while unit is not None:
            yield self.nodes[unit]
            unit = self.nodes[unit].parent

    def meant(self, names: Mapping[str, str]) -> int | None:
        """The unit the row names, or None where it names none. Raises `RowFault`."""
        asked = tuple(names.items())
        if asked not in self.found:
            try:
                self.found[asked] = self._resolve(names)
            except RowFault as fault:
                self.found[asked] = fault.again()
        answer = self.found[asked]
        if isinstance(answer, RowFault):
            raise answer.again()
        return answer

    def _resolve(self, names: Mapping[str, str]) -> int | None:
        code = narrow(names.get(Field.UNIT_CODE, ""))
        # The code of a class that is new stands beside the name of the class.
        if code in self.by_code or (code and not names.keys() - {Field.UNIT_CODE}):
            return self._allowed([self._coded(code)], Field.UNIT_CODE)
        if path := names.get(Field.UNIT_PATH):
            return self._by_path(path)
        levels = [one for one in LEVELS if names.get(one)] or [one for one in (Field.DEPARTMENT,) if names.get(one)]
        if not levels:
            return None
        return self._by_levels({one: names[one] for one in levels})

    def _coded(self, code: str) -> Node:
        if code not in self.by_code:
            raise RowFault(_("There is no unit of the code %s.") % code[:60], Field.UNIT_CODE)
        return self.by_code[code]

    def _by_path(self, written: str) -> int:
        """From anywhere down: `college/class` is found without the names above and between."""
        names = [name.strip() for name in written.translate(SEPARATORS).split("/") if name.strip()]
        wanted = [key(name) for name in names]
        found = [node for node in self.by_name.get(wanted[-1], ()) if self._leads(node, wanted[:-1])] if wanted else []
        if not found:
            below = names[1:] if len(names) > 1 and wanted[0] == key(self.nodes[self.top].name) else names
            kinds = (*(Kind.COLLEGE.value, Kind.PROGRAMME.value)[: len(below) - 1], Kind.CLASS.value)
            self._missing(tuple(zip(kinds, below)) if len(below) <= len(kinds) else (), written, Field.UNIT_PATH)
        return self._allowed(found, Field.UNIT_PATH)

    def _by_levels(self, levels: Mapping[str, str]) -> int:
        last = list(levels)[-1]
        above = [key(name) for field, name in levels.items() if field != last]
        found = [node for node in self.by_name.get(key(levels[last]), ()) if self._fits(node, last, above)]
        if not found:
            self._missing(tuple((KINDS[one].value, name) for one, name in levels.items()), levels[last], last)
        return self._allowed(found, last)

    def _fits(self, node: Node, level: str, above: list[str]) -> bool:
        is_kind = node.kind == KINDS[level] or (
            level == Field.DEPARTMENT and node.kind not in (Kind.SCHOOL, Kind.CLASS)
        )
        return is_kind and self._leads(node, above)

    def _leads(self, node: Node, above: list[str]) -> bool:
        """Whether the names stand above the node, in their order."""
        rest = list(above)
        for one in self.upwards(node.parent):
            if rest and key(one.name) == rest[-1]:
                rest.pop()
        return not rest

    def place(self, path: Path) -> tuple[int, Path]:
        """Where a unit that is not there is to be made: the lowest one of its path that is there, and what is left.

        Raises `RowFault` where a name of the path belongs to a unit that is not below `top`.
        """
        at, rest = self.top, path
        for kind, name in path:
            same = [node for node in self.by_name.get(key(name), ()) if node.kind == kind]
            here = [node for node in same if node.id in self.within and at in (one.id for one in self.upwards(node.id))]
            if not here:
                self._check_free(at, name, same if len(rest) > 1 else [])
                break
            at, rest = here[0].id, rest[1:]
        return at, rest

    def _check_free(self, at: int, name: str, same: list[Node]) -> None:
        if same and not any(node.id in self.within for node in same):
            self._allowed(same, "")
        if any(node.parent == at for node in self.by_name.get(key(name), ())):
            raise RowFault(_("%s is there already, as a unit of another kind.") % name)

    def _allowed(self, found: list[Node], column: str) -> int:
        """The one that lies below `top`. Raises `RowFault` where there are several, or only others."""
        inside = [node for node in found if node.id in self.within]
        if len(inside) == 1:
            return inside[0].id
        names = "; ".join(self.path(node.id) for node in (inside or found)[:3])
        if inside:
            raise RowFault(_("Several units have this name: %s. Name the college too.") % names, column)
        top = self.nodes[self.top].name
        raise RowFault(_("%(unit)s is not a part of %(top)s.") % {"unit": names, "top": top}, column)

    def _missing(self, path: Path, written: str, column: str) -> None:
        if not path or any(len(name) > MAX_NAME for _kind, name in path):
            raise RowFault(_("There is no unit %s.") % written[:100], column)
        own = self.nodes[self.top]
        # A manager's roster of his own college names the college.
        if len(path) > 1 and key(path[0][1]) == key(own.name):
            path = path[1:]
        raise UnknownUnit(path, column)


def load(top: int) -> Tree:
    rows = OrgUnit.objects.without_tree_fields().order_by("pk").values_list("pk", "parent_id", "name", "kind", "code")
    return Tree(top, {row[0]: Node(*row) for row in rows})
