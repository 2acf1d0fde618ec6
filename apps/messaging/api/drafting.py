"""From the checked body of a request to a draft. What the body names is looked up among what its sender may know."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.core.db import chunks
from apps.core.errors import InvalidInput, NotFound
from apps.directory.models import OrgUnit, Person, Segment
from apps.messaging import drafts, segments
from apps.messaging.api.serializers import NARROWING
from apps.messaging.drafts import Draft, Rule
from apps.messaging.models import AudienceRule, Message

SHOWN = 20
#: Name in the request -> name in the draft, where the two differ.
NAMES = {"publish_time": "publish_at"}


def new(data: Mapping[str, Any], *, by: User) -> Draft:
    """Raises `InvalidInput` or `NotFound`."""
    fields = {"unit": None, **_fields(data, by=by)}
    fields["unit"] = fields["unit"] or only_unit(by)
    fields.setdefault("urgency", fields["type"].urgency)
    fields.setdefault("channels", tuple(fields["type"].channels.filter(enabled=True)))
    return Draft(**fields)


def changed(message: Message, data: Mapping[str, Any], *, by: User) -> Draft:
    """The stored message with what the body says. An audience replaces the whole audience. Raises as `new`."""
    return replace(drafts.of(message), **_fields(data, by=by))


def _fields(data: Mapping[str, Any], *, by: User) -> dict[str, Any]:
    fields = {NAMES.get(name, name): value for name, value in data.items()}
    if "channels" in fields:
        fields["channels"] = tuple(fields["channels"])
    if "unit" in fields:
        fields["unit"] = unit(fields["unit"])
    if "audience" in fields:
        fields |= audience(fields.pop("audience"), by=by)
    return fields


def audience(data: Mapping[str, Any], *, by: User) -> dict[str, Any]:
    """`rules` and `rows` of a draft, from what `AudienceInput` has read. Raises `InvalidInput` or `NotFound`."""
    rows = data.get("rows", {})
    known = _people(rows, by=by)
    found = list(rules(data, by=by))
    _refuse_unknown([number for number in rows if number not in known])
    if rows and not data.get("include"):
        found.append(Rule(uploaded=True))
    return {"rules": tuple(found), "rows": {known[number].pk: values for number, values in rows.items()}}


def rules(data: Mapping[str, Any], *, by: User) -> tuple[Rule, ...]:
    """From the lists under `include` and `exclude`. Raises `NotFound`."""
    lines = [(effect, line) for effect in AudienceRule.Effect for line in data.get(effect.value, [])]
    named = Named(
        units=_units([line["unit"] for _effect, line in lines if "unit" in line], field="audience"),
        segments=_segments({line["segment"] for _effect, line in lines if "segment" in line}, by=by),
        people=_people({line["person"] for _effect, line in lines if "person" in line}, by=by),
    )
    return tuple(_rule(effect, line, named) for effect, line in lines)


@dataclass(frozen=True)
class Named:
    """What the rules of a request name, by id and number."""

    units: Mapping[int, OrgUnit]
    segments: Mapping[int, Segment]
    people: Mapping[str, Person]


def _rule(effect: str, line: Mapping[str, Any], named: Named) -> Rule:
    if "person" in line and line["person"] not in named.people:
        raise NotFound(_("There is no such person."), field="audience")
    return Rule(
        effect=effect,
        unit=named.units.get(line.get("unit")),
        segment=named.segments.get(line.get("segment")),
        person=named.people.get(line.get("person")),
        **{name: line[name] for name in ("reach", "uploaded", *NARROWING) if name in line},
    )


def _segments(ids: set[int], *, by: User) -> dict[int, Segment]:
    """Raises `NotFound` for a foreign one as for one that never was."""
    found = segments.visible_to(by).in_bulk(ids)
    if len(found) < len(ids):
        raise NotFound(_("There is no such segment."), field="audience")
    return found


def _refuse_unknown(numbers: list[str]) -> None:
    if numbers:
        listed = ", ".join(numbers[:SHOWN]) + (" …" if len(numbers) > SHOWN else "")
        problem = _("%(count)d numbers belong to nobody you may write to: %(numbers)s")
        detail = problem % {"count": len(numbers), "numbers": listed}
        raise InvalidInput(detail, field="audience.rows", code="unknown_number")


def _people(numbers: Iterable[str], *, by: User) -> dict[str, Person]:
    """Those of them whom the user may write to, by number."""
    reachable = rights.reachable_people(by)
    found: dict[str, Person] = {}
    for chunk in chunks(list(numbers)):
        found |= {person.number: person for person in reachable.filter(number__in=chunk)}
    return found


def _units(ids: list[int], *, field: str) -> dict[int, OrgUnit]:
    found = OrgUnit.objects.without_tree_fields().in_bulk(ids)
    if len(found) < len(set(ids)):
        raise NotFound(_("There is no such unit."), field=field)
    return found


def unit(pk: int) -> OrgUnit:
    """Raises `NotFound`; whether it is one of the sender's, the service says."""
    return _units([pk], field="unit")[pk]


def only_unit(by: User) -> OrgUnit:
    """The topmost unit in which the user may write, if that is one."""
    writable = rights.units_with(by, Right.WRITE)
    tops = OrgUnit.objects.without_tree_fields().filter(pk__in=writable).exclude(parent__in=writable)[:2]
    if len(tops) != 1:
        raise InvalidInput(_("Say for which unit you write."), field="unit", code="required")
    return tops[0]
