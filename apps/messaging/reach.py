"""Whom somebody may name in an audience, himself or by way of a segment."""

from collections.abc import Collection, Iterable
from typing import Protocol

from django.utils.translation import gettext as _

from apps.accounts import rights
from apps.accounts.models import User
from apps.core.db import chunks
from apps.core.errors import NotAllowed, NotFound
from apps.directory.models import OrgUnit, Person, Segment, SegmentRule


class Named(Protocol):
    """What of a rule matters here."""

    unit: OrgUnit | None
    person: Person | None
    segment: Segment | None


def check(rules: Iterable[Named], uploaded: Iterable[int] = (), *, by: User) -> None:
    """Raises `NotFound` for units, people and segments that `by` may not know, `NotAllowed` for a segment that he may
    know but that reaches further than he does. `uploaded` are ids of people.
    """
    rules = list(rules)
    if not _units(by, {rule.unit.pk for rule in rules if rule.unit}):
        raise NotFound(_("There is no such unit."), field="audience")
    if not _people(by, {rule.person.pk for rule in rules if rule.person} | set(uploaded)):
        raise NotFound(_("There is no such person."), field="audience")
    segments = {rule.segment.pk for rule in rules if rule.segment}
    if rights.visible_to(by, Segment.objects.filter(pk__in=segments)).count() != len(segments):
        raise NotFound(_("There is no such segment."), field="audience")
    check_segments(segments, by=[by])


def check_segments(segments: Collection[int], *, by: Collection[User]) -> None:
    """Raises `NotAllowed` unless one of them may write to all that the segments name."""
    rules = SegmentRule.objects.filter(segment__in=segments).values_list("unit", "person")
    units = {unit for unit, _person in rules if unit}
    people = {person for _unit, person in rules if person}
    if segments and not any(_units(user, units) and _people(user, people) for user in by):
        raise NotAllowed(_("A segment of this audience names people you may not write to."), field="audience")


def _units(user: User, ids: set[int]) -> bool:
    """Whether he may write to all of them with everybody below."""
    return not ids or ids <= rights.reachable_units(user)


def _people(user: User, ids: set[int]) -> bool:
    reachable = rights.reachable_people(user)
    return all(reachable.filter(pk__in=chunk).count() == len(chunk) for chunk in chunks(list(ids)))
