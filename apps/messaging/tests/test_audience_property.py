"""Any audience of any school, whole or in slices, is what a plain reading of the rules in Python says."""

import itertools
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.directory.models import Membership, OrgUnit, Person, Relation, Segment, SegmentRule
from apps.directory.selection import years_before
from apps.directory.tests.factories import a_unit
from apps.messaging import audience, segments
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRule, Message
from apps.messaging.tests.conftest import World
from apps.messaging.tests.test_audience import write

pytestmark = pytest.mark.django_db
Effect, Reach = AudienceRule.Effect, AudienceRule.Reach

UNITS, PEOPLE, SEGMENTS = 5, 7, 2
unit_numbers, person_numbers = st.integers(0, UNITS - 1), st.integers(0, PEOPLE - 1)
COHORTS = (None, 2024, 2025)
#: Days until the eighteenth birthday.
AGES = (None, -1, 0, 1, 3000)

people = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["student", "staff", "guardian"]),
        "state": st.sampled_from(["active", "active", "internship", "suspended", "left"]),
        "cohort": st.sampled_from(COHORTS),
        "age": st.sampled_from(AGES),
    }
)
narrowings = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["student", "staff"]),
        "state": st.sampled_from(["active", "internship"]),
        "cohort": st.sampled_from(COHORTS[1:]),
        "minors": st.just(True),
    },
)
by_unit, by_person = st.tuples(st.just("unit"), unit_numbers), st.tuples(st.just("person"), person_numbers)
elsewhere = st.tuples(st.just("segment"), st.integers(0, SEGMENTS - 1)) | st.tuples(st.just("uploaded"), st.just(0))


def rules(targets: st.SearchStrategy) -> st.SearchStrategy:
    """Effect, reach, what is named, and what is asked of it."""
    return st.lists(
        st.tuples(st.sampled_from(Effect), st.sampled_from(Reach), targets, st.just({}) | narrowings), max_size=5
    )


schools = st.fixed_dictionaries(
    {
        "parents": st.tuples(*[st.none() if n == 0 else st.none() | st.integers(0, n - 1) for n in range(UNITS)]),
        "people": st.lists(people, min_size=PEOPLE, max_size=PEOPLE),
        "members": st.sets(st.tuples(person_numbers, unit_numbers), max_size=10),
        "guardians": st.dictionaries(st.tuples(person_numbers, person_numbers), st.booleans(), max_size=6),
        "uploaded": st.sets(person_numbers, max_size=4),
        "segments": st.tuples(*[rules(by_unit | by_person)] * SEGMENTS),
        "rules": rules(by_unit | by_person | elsewhere),
    }
)


# --- the same in plain Python ----------------------------------------------------------------------------------------
def expected(school: dict[str, Any]) -> set[int]:
    return {number for number in resolved(school, school["rules"]) if school["people"][number]["state"] != "left"}


def resolved(school: dict[str, Any], of: list[tuple]) -> set[int]:
    def union(effect: Effect) -> set[int]:
        return set().union(*(matching(school, *rest) for one, *rest in of if one == effect))

    return union(Effect.INCLUDE) - union(Effect.EXCLUDE)


def matching(school: dict[str, Any], reach: Reach, target: tuple[str, int], asked: dict[str, Any]) -> set[int]:
    themselves = {number for number in named(school, *target) if answers(school["people"][number], asked)}
    counted = {
        guardian
        for (guardian, child), no_contact in school["guardians"].items()
        if child in themselves and not no_contact and school["people"][child]["state"] != "left"
    }
    return {Reach.SELF: themselves, Reach.GUARDIANS: counted, Reach.BOTH: themselves | counted}[reach]


def named(school: dict[str, Any], what: str, number: int) -> set[int]:
    if what == "uploaded":
        return school["uploaded"]
    if what == "person":
        return {number}
    if what == "segment":
        return resolved(school, school["segments"][number])
    return {person for person, unit in school["members"] if unit in below(school, number)}


def below(school: dict[str, Any], unit: int) -> set[int]:
    children = [child for child, parent in enumerate(school["parents"]) if parent == unit]
    return {unit}.union(*(below(school, child) for child in children))


def answers(person: dict[str, Any], asked: dict[str, Any]) -> bool:
    born, day = born_on(person["age"]), today()
    minor = born is not None and (born.year + 18, born.month, born.day) > (day.year, day.month, day.day)
    return all(person[name] == value if name != "minors" else minor for name, value in asked.items())


# --- the same in the database ----------------------------------------------------------------------------------------
def build(world: World, school: dict[str, Any]) -> tuple[Message, list[Rule], list[Person]]:
    units: list[OrgUnit] = []
    for number, parent in enumerate(school["parents"]):
        units.append(a_unit(f"u{number}", parent=None if parent is None else units[parent]))
    everybody = [a_human(number, **fields) for number, fields in enumerate(school["people"])]
    Membership.objects.bulk_create(Membership(person=everybody[p], unit=units[u]) for p, u in school["members"])
    Relation.objects.bulk_create(
        Relation(person=everybody[guardian], of=everybody[child], no_contact=no_contact)
        for (guardian, child), no_contact in school["guardians"].items()
    )
    saved: list[Segment] = []

    def rule(effect: Effect, reach: Reach, target: tuple[str, int], asked: dict[str, Any]) -> Rule:
        what, number = target
        plain = Rule(effect=effect, reach=reach, **asked)
        if what == "uploaded":
            return replace(plain, uploaded=True)
        return replace(plain, **{what: {"unit": units, "person": everybody, "segment": saved}[what][number]})

    for number, of in enumerate(school["segments"]):
        saved.append(Segment.objects.create(unit=world.office, name=f"s{number}"))
        for one in of:
            parts = {part: getattr(rule(*one), part) for part in segments.PARTS}
            SegmentRule.objects.create(segment=saved[-1], **parts)
    made = [rule(*one) for one in school["rules"]]
    return write(world, *made, rows={everybody[number]: {} for number in school["uploaded"]}), made, everybody


def a_human(number: int, *, age: int | None, **fields: Any) -> Person:
    return Person.objects.create(name=f"p{number}", born_on=born_on(age), **fields)


def born_on(age: int | None) -> date | None:
    return None if age is None else years_before(today() + timedelta(days=age), 18)


def today() -> date:
    return timezone.localdate(timezone=timezone.get_default_timezone())


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(school=schools, cuts=st.sets(st.integers(0, PEOPLE - 1), max_size=4))
def test_any_audience_is_what_a_plain_reading_says_and_its_slices_partition_it(
    world: World, school: dict[str, Any], cuts: set[int]
) -> None:
    with transaction.atomic():
        message, made, everybody = build(world, school)
        found = [person.pk for person in audience.people(message)]
        assert found == [everybody[number].pk for number in sorted(expected(school))]
        planned = audience.planned(made, [everybody[number].pk for number in school["uploaded"]])
        assert list(planned.values_list("pk", flat=True)) == found
        bounds = [0, *(everybody[cut].pk for cut in sorted(cuts)), None]
        slices = [
            list(audience.people(message, after=after, up_to=up_to).values_list("pk", flat=True))
            for after, up_to in itertools.pairwise(bounds)
        ]
        assert [pk for one in slices for pk in one] == found
        transaction.set_rollback(True)
