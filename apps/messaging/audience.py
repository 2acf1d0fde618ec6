"""Who a message is for: its rules, resolved by the database in one query (`directory/selection.py`)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from django.db.models import FilteredRelation, Max, Q, QuerySet
from django.utils import timezone

from apps.directory import selection
from apps.directory.models import Person, SegmentRule
from apps.directory.selection import Bounds, Term
from apps.directory.tree import Tree
from apps.messaging import drafts
from apps.messaging.models import AudienceRow, AudienceRule, Message

Uploaded = QuerySet[AudienceRow] | frozenset[int]


def people(message: Message, *, after: int = 0, up_to: int | None = None) -> QuerySet[Person]:
    """Everybody in the audience with `after < id <= up_to`, each once, by id."""
    at = message.published_at or message.publish_at or timezone.now()
    rules = list(message.audience_rules.all())
    terms = _terms(rules, AudienceRow.objects.filter(message=message.pk), day=_school_day(at))
    return selection.people(terms, Bounds(after, up_to))


def planned(rules: Iterable[drafts.Rule], uploaded: Collection[int] = ()) -> QuerySet[Person]:
    """As `people`, for rules that are not stored and the ids of the people who would be uploaded."""
    stored = [AudienceRule(**vars(rule)) for rule in rules]
    return selection.people(_terms(stored, frozenset(uploaded), day=_school_day(timezone.now())))


def with_values(people: QuerySet[Person], message: Message) -> QuerySet[Person]:
    """The same people, each joined with the uploaded row of this message as `row` (empty for the others)."""
    return people.annotate(row=FilteredRelation("audience_rows", condition=Q(audience_rows__message=message)))


def slice_end(*, after: int, size: int) -> int | None:
    """The id of the last of the next `size` people of the directory, or None if there is nobody left.

    Slices are cut from the directory, not from the audience: finding the next people of the audience costs more the
    more of it is left, a step through the primary key always the same.
    """
    rest = Person.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
    full = rest[size - 1 : size].first()
    return full if full is not None else rest.aggregate(last=Max("pk"))["last"]


def _terms(rules: Sequence[AudienceRule], uploaded: Uploaded, *, day: date) -> list[Term]:
    """Three queries at the most, however many rules: the tree, the rules of the segments, and before it the rules."""
    tree = Tree()
    parts: dict[int, list[Term]] = defaultdict(list)
    segments = {rule.segment_id for rule in rules if rule.segment_id}
    for one in SegmentRule.objects.filter(segment__in=segments):
        parts[one.segment_id].append(selection.term(one, tree=tree, day=day))
    return [_with_its_own(selection.term(rule, tree=tree, day=day), rule, parts, uploaded) for rule in rules]


def _with_its_own(term: Term, rule: AudienceRule, parts: dict[int, list[Term]], uploaded: Uploaded) -> Term:
    if rule.segment_id:
        return replace(term, parts=tuple(parts[rule.segment_id]))
    if not rule.uploaded:
        return term
    return replace(term, people=uploaded) if isinstance(uploaded, frozenset) else replace(term, listed=uploaded)


def _school_day(at: datetime) -> date:
    return timezone.localtime(at, timezone.get_default_timezone()).date()
