"""Small words of the console's templates."""

import dataclasses

from django import template

from apps.core import masking
from apps.delivery import reasons

register = template.Library()
register.filter("reason", reasons.words)
register.filter("masked", masking.masked)


@register.filter
def as_data(value: object) -> object:
    """A dataclass, as `json_script` can write it."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value


@register.filter
def chosen(pk: int, values: list[object] | None) -> bool:
    """Whether a form's field holds this id, be it from the database (number) or from what was posted (text)."""
    return str(pk) in {str(value) for value in values or ()}
