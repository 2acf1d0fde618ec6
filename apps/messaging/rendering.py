"""Texts with ((placeholders)), filled with personal values.

Our own grammar and nothing else: a value is never expanded again, and no template language ever sees a user's text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _

from apps.core.errors import InvalidInput

PLACEHOLDER = re.compile(r"\(\(\s*([^\W\d]\w{0,39})\s*\)\)")
#: What msgcenter itself knows of every recipient.
BUILT_IN = frozenset({"name", "number"})


class MissingValue(Exception):
    """A recipient has no value for a placeholder; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Text:
    """A parsed text: literals and placeholder names take turns, a literal first and last."""

    parts: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.parts[1::2])

    def render(self, values: Mapping[str, str]) -> str:
        """Raises `MissingValue`."""
        if len(self.parts) == 1:
            return self.parts[0]
        try:
            return "".join(values[part] if odd % 2 else part for odd, part in enumerate(self.parts))
        except KeyError as missing:
            raise MissingValue(missing.args[0]) from None


@lru_cache(maxsize=256)
def parse(text: str) -> Text:
    """Raises `InvalidInput` for a placeholder that is not closed, nested or not a name."""
    parts = tuple(PLACEHOLDER.split(text))
    for literal in parts[::2]:
        if "((" in literal:
            around = literal[literal.index("((") :][:30]
            raise InvalidInput(_("A placeholder is written ((name)); this one cannot be read: %s") % around)
    return Text(parts)
