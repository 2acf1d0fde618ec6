"""Saved audiences: what a department calls "2024 级在校生" is written once and used by many messages.

A segment belongs to a unit and is known to whoever sees that unit. It names no more than its writer may reach; who
uses it in a message must reach all of it himself, and that is asked again at publish (`services.publish`). A message
that is published and not yet frozen holds its segments as they are: they cannot be changed meanwhile.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.audit import changes
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from apps.directory.models import OrgUnit, Segment, SegmentRule
from apps.messaging import drafts, reach
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRule, Message
from apps.messaging.states import ENDED, FREEZING, Status

NAMED = 3
#: What a rule of a segment has of all that a rule can have.
PARTS = [part.name for part in fields(Rule) if part.name not in ("segment", "uploaded")]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A segment as it is handed in."""

    name: str
    unit: OrgUnit
    rules: tuple[Rule, ...]


def visible_to(user: User) -> QuerySet[Segment]:
    return rights.visible_to(user, Segment.objects.all())


def get(user: User, segment_id: int) -> Segment:
    """Raises `NotFound` for a segment of a foreign unit as for one that never was."""
    segment = visible_to(user).filter(pk=segment_id).prefetch_related("rules__person").first()
    if segment is None:
        raise NotFound(_("There is no such segment."))
    return segment


def of(segment: Segment) -> Draft:
    """A stored segment as it would be handed in unchanged."""
    stored = segment.rules.select_related("unit", "person")
    rules = tuple(Rule(**{part: getattr(rule, part) for part in PARTS}) for rule in stored)
    return Draft(name=segment.name, unit=segment.unit, rules=rules)


@transactional
def create(draft: Draft, *, by: User) -> Segment:
    """Raises `InvalidInput`, `NotAllowed` or `NotFound`; then nothing is stored."""
    check(draft, by=by)
    segment = Segment.objects.create(name=draft.name, unit=draft.unit)
    _write_rules(segment, draft.rules)
    audit.record("create", segment, by=by, rules=_words(segment))
    return segment


@transactional
def change(segment: Segment, draft: Draft, *, by: User) -> Segment:
    """Another name, other rules; the unit stays. Raises as `create`, and `Conflict` while a message that uses it is
    published and not yet frozen.
    """
    segment = _locked(segment, by=by)
    check(draft, by=by, stored=segment)
    before = {"name": segment.name, "rules": _words(segment)}
    segment.name = draft.name
    segment.save()
    segment.rules.all().delete()
    _write_rules(segment, draft.rules)
    after = {"name": segment.name, "rules": _words(segment)}
    told = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    audit.record("change", segment, by=by, changes=changes.shown(Segment, told))
    return segment


@transactional
def delete(segment: Segment, *, by: User) -> None:
    """Raises `Conflict`, naming them, while messages use it that are not over."""
    segment = _locked(segment, by=by)
    _refuse_while_used(segment, set(Status) - ENDED, by=by)
    AudienceRule.objects.filter(segment=segment).update(segment=None)
    audit.record("delete", segment, by=by, rules=_words(segment))
    segment.delete()


def check(draft: Draft, *, by: User, stored: Segment | None = None) -> None:
    """Whether `by` may hand this in as a new segment, or as a change of one, and whether it makes sense."""
    if draft.unit.pk not in rights.units_with(by, Right.SEE):
        raise NotFound(_("There is no such unit."), field="unit")
    if not rights.can(by, Right.WRITE, draft.unit):
        raise NotAllowed()
    _check_rules(draft.rules)
    reach.check(draft.rules, by=by)
    _check_name(draft, stored)
    if stored and draft.unit.pk != stored.unit_id:
        raise InvalidInput(_("A segment stays with its unit."), field="unit")
    if stored:
        _refuse_while_used(stored, FREEZING, by=by)


def _check_name(draft: Draft, stored: Segment | None) -> None:
    """The unit's row is locked, so that no other segment gets the name meanwhile."""
    if not draft.name.strip() or not drafts.is_one_line(draft.name):
        raise InvalidInput(_("The name must be one line."), field="name")
    OrgUnit.objects.without_tree_fields().select_for_update().get(pk=draft.unit.pk)
    namesakes = Segment.objects.filter(unit=draft.unit, name=draft.name)
    if namesakes.exclude(pk=stored.pk if stored else None).exists():
        raise InvalidInput(_("There is a segment of this name already."), field="name", code="duplicate")


def lock(ids: Iterable[int]) -> list[int]:
    """Nobody changes or deletes them until the transaction ends. Raises `NotFound` if one is not there any more."""
    wanted = set(ids)
    rows = Segment.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    found = list(rows.values_list("pk", flat=True))
    if len(found) < len(wanted):
        raise NotFound(_("There is no such segment."), field="audience")
    return found


def _locked(segment: Segment, *, by: User) -> Segment:
    """As it is now. Raises `NotFound` or `NotAllowed` unless `by` may write for its unit."""
    found = visible_to(by).select_for_update().filter(pk=segment.pk).first()
    if found is None:
        raise NotFound(_("There is no such segment."))
    if not rights.can(by, Right.WRITE, found.unit):
        raise NotAllowed()
    return found


def _refuse_while_used(segment: Segment, statuses: Collection[Status], *, by: User) -> None:
    users = Message.objects.filter(audience_rules__segment=segment, status__in=statuses).distinct().order_by("pk")
    if users.exists():
        visible = set(rights.visible_to(by, users).values_list("pk", flat=True))
        names = [str(one) if one.pk in visible else _("a message of another unit") for one in users[:NAMED]]
        raise Conflict(_("This segment is used by: %s") % ", ".join(names))


def _check_rules(rules: Collection[Rule]) -> None:
    drafts.check_rules(rules)
    if any(bool(rule.unit) == bool(rule.person) or rule.segment or rule.uploaded for rule in rules):
        raise InvalidInput(_("A rule of a segment names exactly one of unit and person."), field="audience")
    if all(rule.effect == AudienceRule.Effect.EXCLUDE for rule in rules):
        raise InvalidInput(_("A segment has to include somebody."), field="audience", code="no_recipients")


def _write_rules(segment: Segment, rules: Iterable[Rule]) -> None:
    SegmentRule.objects.bulk_create(
        SegmentRule(segment=segment, **{part: getattr(rule, part) for part in PARTS}) for rule in rules
    )


def _words(segment: Segment) -> list[str]:
    return [str(rule) for rule in segment.rules.select_related("unit", "person")]
