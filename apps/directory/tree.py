"""The org tree as ids: one query answers any number of questions."""

from collections import defaultdict
from collections.abc import Iterable

from django.utils.functional import cached_property

from apps.directory.models import OrgUnit


class Tree:
    """What is below what, as it was when this was first asked."""

    @cached_property
    def _children(self) -> dict[int | None, list[int]]:
        children: dict[int | None, list[int]] = defaultdict(list)
        rows = OrgUnit.objects.without_tree_fields().order_by()
        for pk, parent in rows.values_list("pk", "parent_id"):
            children[parent].append(pk)
        return children

    def below(self, units: Iterable[int]) -> set[int]:
        """The ids of the units and of everything below them."""
        found: set[int] = set()
        todo = list(units)
        while todo:
            unit = todo.pop()
            if unit not in found:
                found.add(unit)
                todo += self._children.get(unit, ())
        return found
