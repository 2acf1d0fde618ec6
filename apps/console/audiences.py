"""The audience as the form asks for it, and as rules.

The form narrows all units down in one way (kind, state, cohort, minors, reach) and takes segments as they are saved.
An audience that says more (uploaded people, single persons, several kinds) was made by the API or an upload, and the
form leaves it as it is.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.directory.models import OrgUnit, Segment
from apps.messaging import drafts
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRule, Message

Effect = AudienceRule.Effect
#: The fields of the form that narrow the units down, by the names they have in a rule.
NARROWING = ("kind", "state", "cohort", "minors", "reach")


@dataclass(frozen=True, slots=True)
class Line:
    """An audience rule for a person to read."""

    excluded: bool
    words: str


def rules(
    units: Iterable[OrgUnit], without: Iterable[OrgUnit], segments: Iterable[Segment], narrowing: Mapping[str, object]
) -> tuple[Rule, ...]:
    included = [Rule(unit=unit, **narrowing) for unit in units]
    excluded = [Rule(unit=unit, effect=Effect.EXCLUDE, **narrowing) for unit in without]
    return (*included, *(Rule(segment=segment) for segment in segments), *excluded)


def fits_form(message: Message, *, units: Collection[int], segments: Collection[Segment]) -> bool:
    """Whether the form can show the audience when it offers these units and segments, and so would lose nothing."""
    found = drafts.rules_of(message)
    by_unit = [rule for rule in found if rule.unit and rule.unit.pk in units]
    by_segment = [rule for rule in found if rule.segment and rule == Rule(segment=rule.segment)]
    known = all(rule.segment in segments for rule in by_segment)
    alike = len({tuple(_narrowing(rule).values()) for rule in by_unit}) <= 1
    return known and alike and len(by_unit) + len(by_segment) == len(found)


def initial(message: Message) -> dict[str, object]:
    """The fields of the form for an audience that fits it."""
    found = drafts.rules_of(message)
    by_unit = [rule for rule in found if rule.unit]
    return {
        "units": [rule.unit.pk for rule in by_unit if rule.effect == Effect.INCLUDE],
        "without": [rule.unit.pk for rule in by_unit if rule.effect == Effect.EXCLUDE],
        "segments": [rule.segment.pk for rule in found if rule.segment],
        **(_narrowing(by_unit[0]) if by_unit else {}),
    }


def lines(message: Message) -> list[Line]:
    stored = message.audience_rules.select_related("unit", "segment", "person")
    return [Line(rule.effect == Effect.EXCLUDE, _words(message, rule)) for rule in stored]


def _narrowing(rule: Rule) -> dict[str, object]:
    return {name: getattr(rule, name) for name in NARROWING}


def _words(message: Message, rule: AudienceRule) -> str:
    who = str(rule.named)
    if rule.uploaded:
        who = _("%d uploaded people") % message.audience_rows.count()
    elif rule.segment:
        who = _("segment “%s”") % rule.segment
    everybody = [_("everybody")] if rule.unit and not rule.kind else []
    return " · ".join([who, *everybody, *rule.narrowed])
