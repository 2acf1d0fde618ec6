"""Small words of the console's templates."""

import dataclasses

from django import template

from apps.delivery import reasons

register = template.Library()
register.filter("reason", reasons.words)


@register.filter
def as_data(value: object) -> object:
    """A dataclass, as `json_script` can write it."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value


@register.filter
def chosen(pk: int, values: list[object] | None) -> bool:
    """Whether a form's field holds this id, be it from the database (number) or from what was posted (text)."""
    return str(pk) in {str(value) for value in values or ()}


@register.filter
def masked(address: str) -> str:
    """Enough of an address to tell it apart, not enough to write to it."""
    name, at, domain = address.partition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    kept = 5 if address.startswith("+") else 4
    return f"{address[:kept]}****{address[-4:]}" if len(address) > 10 else "****"
