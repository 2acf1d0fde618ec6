"""The audience as the form asks for it, and as rules.

The form knows one kind of person and one reach for all units. An audience that says more (uploaded people, single
persons, several kinds) was made by the API or an upload, and the form leaves it as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.directory.models import OrgUnit, Person
from apps.messaging import drafts
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRule, Message

Effect = AudienceRule.Effect
Reach = AudienceRule.Reach


@dataclass(frozen=True, slots=True)
class Line:
    """An audience rule for a person to read."""

    excluded: bool
    words: str


def rules(units: Iterable[OrgUnit], without: Iterable[OrgUnit], *, kind: str, reach: str) -> tuple[Rule, ...]:
    included = [Rule(unit=unit, kind=kind, reach=reach) for unit in units]
    excluded = [Rule(unit=unit, kind=kind, reach=reach, effect=Effect.EXCLUDE) for unit in without]
    return tuple(included + excluded)


def fits_form(message: Message, *, offered: set[int]) -> bool:
    """Whether the form can show the audience when it offers these units, and so would lose nothing of it."""
    found = drafts.rules_of(message)
    by_unit = all(rule.unit and rule.unit.pk in offered for rule in found)
    return by_unit and len({(rule.kind, rule.reach) for rule in found}) == 1


def initial(message: Message) -> dict[str, object]:
    """The fields of the form for an audience that fits it."""
    found = drafts.rules_of(message)
    return {
        "units": [rule.unit.pk for rule in found if rule.effect == Effect.INCLUDE],
        "without": [rule.unit.pk for rule in found if rule.effect == Effect.EXCLUDE],
        "kind": found[0].kind,
        "reach": found[0].reach,
    }


def lines(message: Message) -> list[Line]:
    return [Line(rule.effect == Effect.EXCLUDE, _words(message, rule)) for rule in drafts.rules_of(message)]


def _words(message: Message, rule: Rule) -> str:
    if rule.uploaded:
        who = _("%d uploaded people") % message.audience_rows.count()
    elif rule.person:
        who = str(rule.person)
    else:
        kind = Person.Kind(rule.kind).label if rule.kind else _("everybody")
        who = f"{rule.unit} · {kind}"
    return who if rule.reach == Reach.SELF else f"{who} · {Reach(rule.reach).label}"
