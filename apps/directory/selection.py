"""From the rules of an audience to one condition on people, which the database answers.

Who has left counts for nothing: he is not reached himself, whatever names him, and no guardian is reached or left out
on his account. Nor does a relation with `no_contact` count; the same guardian may have other children.

Rules of the same kind become one subquery, however many there are, and the bounds of a slice go into every subquery
on the people themselves, so that a slice costs the same however large the audience is.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet

from apps.directory.models import Membership, Person, Relation, Rule
from apps.directory.tree import Tree

Reach = Rule.Reach
LEFT = Person.State.LEFT
#: The states a rule can ask for.
PRESENT = [choice for choice in Person.State.choices if choice[0] != LEFT]
ADULT = 18


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range of person ids, `after < id <= up_to`, as a condition on any column that holds one."""

    after: int | None = None
    up_to: int | None = None

    def on(self, column: str) -> Q:
        lower = Q() if self.after is None else Q(**{f"{column}__gt": self.after})
        return lower if self.up_to is None else lower & Q(**{f"{column}__lte": self.up_to})


EVERYBODY = Bounds()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a rule asks of those it names. `born_after` leaves the minors; without a date of birth nobody is one."""

    kind: str
    state: str
    cohort: int | None
    born_after: date | None

    def on(self, prefix: str) -> Q:
        asked = {"kind": self.kind, "state": self.state, "cohort": self.cohort, "born_on__gt": self.born_after}
        return Q(**{f"{prefix}{name}": value for name, value in asked.items() if value not in ("", None)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A rule with all that it stands for: units with what is below them, named people, the people of some rows (each
    has a `person`), or those of a segment's own terms."""

    excluded: bool
    reach: Reach
    narrowing: Narrowing
    units: frozenset[int] = frozenset()
    people: frozenset[int] = frozenset()
    listed: QuerySet | None = None
    parts: tuple["Term", ...] = ()


def term(rule: Rule, *, tree: Tree, day: date) -> Term:
    """What every rule has; `day` is the one on which minors are told from adults."""
    return Term(
        excluded=rule.effect == Rule.Effect.EXCLUDE,
        reach=Reach(rule.reach),
        narrowing=Narrowing(rule.kind, rule.state, rule.cohort, years_before(day, ADULT) if rule.minors else None),
        units=frozenset(tree.below([rule.unit_id]) if rule.unit_id else ()),
        people=frozenset([rule.person_id] if rule.person_id else ()),
    )


def people(terms: Iterable[Term], bounds: Bounds = EVERYBODY) -> QuerySet[Person]:
    """Everybody the terms stand for, each once, by id."""
    found = Person.objects.filter(bounds.on("pk"), _condition(terms, "", bounds), ~Q(state=LEFT))
    return found.order_by("pk")


def years_before(day: date, years: int) -> date:
    """Who was born on a 29 February grows a year older on the first of March."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _condition(terms: Iterable[Term], prefix: str, bounds: Bounds) -> Q:
    """On the person to whom the lookup `prefix` leads. Where nothing is included, that is nobody."""
    terms = list(terms)
    included = _any([one for one in terms if not one.excluded], prefix, bounds)
    excluded = _any([one for one in terms if one.excluded], prefix, bounds)
    if not included:
        return _nobody(prefix)
    return included & ~excluded if excluded else included


def _any(terms: Iterable[Term], prefix: str, bounds: Bounds) -> Q:
    groups: dict[tuple[Reach, Narrowing], list[Term]] = defaultdict(list)
    for one in terms:
        groups[one.reach, one.narrowing].append(one)
    found = Q()
    for (reach, narrowing), group in groups.items():
        if reach != Reach.GUARDIANS:
            found |= _selected(group, narrowing, prefix, bounds)
        if reach != Reach.SELF:
            found |= _guardians(group, narrowing, prefix, bounds)
    return found


def _selected(terms: Sequence[Term], narrowing: Narrowing, prefix: str, bounds: Bounds) -> Q:
    """The people themselves."""
    column = f"{prefix}pk__in"
    named = frozenset[int]().union(*(one.people for one in terms))
    units = frozenset[int]().union(*(one.units for one in terms))
    found = Q(**{column: sorted(named)}) if named else Q()
    if units:
        members = Membership.objects.filter(bounds.on("person"), unit__in=sorted(units))
        found |= Q(**{column: members.values("person")})
    for one in terms:
        if one.listed is not None:
            found |= Q(**{column: one.listed.filter(bounds.on("person")).values("person")})
        if one.parts:
            found |= _condition(one.parts, prefix, bounds)
    return found & narrowing.on(prefix) if found else _nobody(prefix)


def _guardians(terms: Sequence[Term], narrowing: Narrowing, prefix: str, bounds: Bounds) -> Q:
    """Those of the people. The bounds are on the guardian: his own id says nothing about his child's."""
    children = _selected(terms, narrowing, "of__", EVERYBODY)
    relations = Relation.objects.filter(
        bounds.on("person"), children, ~Q(of__state=LEFT), kind=Relation.Kind.GUARDIAN, no_contact=False
    )
    return Q(**{f"{prefix}pk__in": relations.values("person")})


def _nobody(prefix: str) -> Q:
    return Q(**{f"{prefix}pk__in": []})
