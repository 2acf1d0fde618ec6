"""Which column holds what, by the names that stand above them."""

import re
from collections.abc import Mapping, Sequence

from apps.core.tables.cells import narrow

#: Field -> what its column may be called. Where a table has several of one field, the name that stands first wins.
Aliases = Mapping[str, Sequence[str]]
#: The row of the names is looked for in so many: titles and notes above it are common.
HEADER_WITHIN = 20


def title(cell: str) -> str:
    """`考试时间（北京时间） *` -> `考试时间`, `Course_Code` -> `course code`."""
    bare = re.sub(r"\([^)]*\)|[*:]", "", narrow(cell))
    if re.search(r"[a-zA-Z]", bare):
        return re.sub(r"[\s_]+", " ", bare).strip().lower()
    return re.sub(r"\s+", "", bare)


def positions(cells: Sequence[str], aliases: Aliases) -> dict[str, int]:
    """Field -> position of its column."""
    titles: dict[str, int] = {}
    for position, cell in enumerate(cells):
        titles.setdefault(title(cell), position)
    found = {}
    for field, names in aliases.items():
        name = next((name for name in names if name in titles), None)
        if name:
            found[field] = titles[name]
    return found
