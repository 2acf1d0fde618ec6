"""Rules pick everybody they should, once, whole or in slices: as a plain reading of the rules in Python does."""

import itertools

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.directory.models import Adviser, Membership, OrgUnit, Person, Relation
from apps.directory.tests.factories import a_class, a_guardian, a_person, a_unit
from apps.messaging import audience
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRow, AudienceRule, Message, MessageType
from apps.messaging.tests.conftest import World

pytestmark = pytest.mark.django_db
Effect, Reach = AudienceRule.Effect, AudienceRule.Reach


def write(world: World, *rules: Rule, rows: dict[Person, dict[str, str]] | None = None) -> Message:
    """A message with these rules, whoever they reach."""
    message = Message.objects.create(
        title="t", content="c", type=MessageType.objects.first(), unit=world.office, author=world.author
    )
    AudienceRule.objects.bulk_create(AudienceRule(message=message, **vars(rule)) for rule in rules)
    AudienceRow.objects.bulk_create(
        AudienceRow(message=message, person=person, values=values) for person, values in (rows or {}).items()
    )
    return message


def reached(world: World, *rules: Rule, **options: object) -> list[Person]:
    return list(audience.people(write(world, *rules, **options)))


def test_unit_brings_its_whole_subtree(world: World) -> None:
    college = a_unit(kind="college", parent=world.school)
    deep = a_person(a_class(a_unit(parent=college)))
    own = a_person(college)
    assert reached(world, Rule(unit=college)) == [deep, own]


def test_no_rule_or_only_exclusions_reach_nobody(world: World) -> None:
    assert reached(world) == []
    assert reached(world, Rule(unit=world.classroom, effect=Effect.EXCLUDE)) == []


def test_kind_of_person_narrows_a_unit(world: World) -> None:
    teacher = a_person(world.classroom, kind=Person.Kind.STAFF)
    assert reached(world, Rule(unit=world.classroom, kind="staff")) == [teacher]
    assert reached(world, Rule(unit=world.classroom, kind="student")) == [world.student]
    assert reached(world, Rule(unit=world.classroom)) == [world.student, teacher]


def test_exclusion_wins_over_every_inclusion(world: World) -> None:
    other = a_person(world.classroom)
    without = Rule(person=world.student, effect=Effect.EXCLUDE)
    assert reached(world, without, Rule(unit=world.school), Rule(person=world.student)) == [other]


def test_person_of_many_rules_and_units_comes_once(world: World) -> None:
    second = a_class(world.school)
    Membership.objects.create(person=world.student, unit=second)
    rules = [Rule(unit=world.school), Rule(unit=second), Rule(person=world.student), Rule(uploaded=True)]
    assert reached(world, *rules, rows={world.student: {}}) == [world.student]


@pytest.mark.parametrize(("reach", "who"), [("self", {"s"}), ("guardians", {"m", "f"}), ("both", {"s", "m", "f"})])
@pytest.mark.parametrize("by", ["unit", "person", "uploaded"])
def test_reach(world: World, reach: str, who: set[str], by: str) -> None:
    people = {"s": world.student, "m": a_guardian(world.student), "f": a_guardian(world.student)}
    adviser = a_person(kind=Person.Kind.STAFF)
    Adviser.objects.create(person=adviser, unit=world.classroom)
    rule = {
        "unit": Rule(unit=world.classroom, reach=reach),
        "person": Rule(person=world.student, reach=reach),
        "uploaded": Rule(uploaded=True, reach=reach),
    }[by]
    assert set(reached(world, rule, rows={world.student: {}})) == {people[name] for name in who}


def test_guardian_of_two_children_comes_once(world: World) -> None:
    guardian = a_guardian(world.student, a_person(world.classroom))
    assert reached(world, Rule(unit=world.classroom, reach=Reach.GUARDIANS)) == [guardian]


def test_input_35_guardian_of_a_pupil_who_left_is_not_reached(world: World) -> None:
    a_guardian(world.student)
    Membership.objects.filter(person=world.student).delete()
    assert reached(world, Rule(unit=world.classroom, reach=Reach.BOTH)) == []


def test_another_message_s_uploaded_people_are_not_reached(world: World) -> None:
    write(world, Rule(uploaded=True), rows={a_person(): {}})
    assert reached(world, Rule(uploaded=True), rows={world.student: {}}) == [world.student]


def test_values_are_those_of_this_message(world: World) -> None:
    other = a_person(world.classroom)
    write(world, Rule(uploaded=True), rows={world.student: {"seat": "9"}, other: {"seat": "8"}})
    message = write(world, Rule(unit=world.classroom), Rule(uploaded=True), rows={world.student: {"seat": "1"}})
    people = audience.with_values(audience.people(message), message)
    assert dict(people.values_list("pk", "row__values")) == {world.student.pk: {"seat": "1"}, other.pk: None}


def test_slices_walk_the_directory_to_its_end(world: World) -> None:
    ids = [world.student.pk, *(a_person().pk for _ in range(6))]
    assert audience.slice_end(after=0, size=3) == ids[2]
    assert audience.slice_end(after=ids[2], size=4) == ids[6]
    assert audience.slice_end(after=ids[4], size=4) == ids[6]
    assert audience.slice_end(after=ids[6], size=4) is None


# --- the same in plain Python ----------------------------------------------------------------------------------------

UNITS, PEOPLE = 5, 7
unit_numbers, person_numbers = st.integers(0, UNITS - 1), st.integers(0, PEOPLE - 1)
kinds = st.sampled_from(["student", "staff", "guardian"])
targets = st.one_of(
    st.tuples(st.just("unit"), unit_numbers, st.sampled_from(["", "student", "staff"])),
    st.tuples(st.just("person"), person_numbers, st.just("")),
    st.tuples(st.just("uploaded"), st.just(0), st.just("")),
)
schools = st.fixed_dictionaries(
    {
        "parents": st.tuples(*[st.none() if n == 0 else st.none() | st.integers(0, n - 1) for n in range(UNITS)]),
        "kinds": st.lists(kinds, min_size=PEOPLE, max_size=PEOPLE),
        "members": st.sets(st.tuples(person_numbers, unit_numbers), max_size=10),
        "guardians": st.sets(st.tuples(person_numbers, person_numbers), max_size=6),
        "uploaded": st.sets(person_numbers, max_size=4),
        "rules": st.lists(st.tuples(st.sampled_from(Effect), st.sampled_from(Reach), targets), max_size=5),
    }
)


def expected(school: dict) -> set[int]:
    def below(unit: int) -> set[int]:
        children = [child for child, parent in enumerate(school["parents"]) if parent == unit]
        return {unit}.union(*map(below, children))

    def selected(target: tuple[str, int, str]) -> set[int]:
        what, number, kind = target
        if what == "uploaded":
            return school["uploaded"]
        if what == "person":
            return {number}
        members = {person for person, unit in school["members"] if unit in below(number)}
        return {person for person in members if kind in ("", school["kinds"][person])}

    def matching(reach: Reach, target: tuple[str, int, str]) -> set[int]:
        themselves = selected(target)
        guardians = {guardian for guardian, child in school["guardians"] if child in themselves}
        return {Reach.SELF: themselves, Reach.GUARDIANS: guardians, Reach.BOTH: themselves | guardians}[reach]

    def union(effect: Effect) -> set[int]:
        return set().union(*(matching(reach, target) for one, reach, target in school["rules"] if one == effect))

    return union(Effect.INCLUDE) - union(Effect.EXCLUDE)


def build(world: World, school: dict) -> tuple[Message, list[int]]:
    units: list[OrgUnit] = []
    for number, parent in enumerate(school["parents"]):
        units.append(a_unit(f"u{number}", parent=None if parent is None else units[parent]))
    people = [Person.objects.create(name=f"p{number}", kind=kind) for number, kind in enumerate(school["kinds"])]
    Membership.objects.bulk_create(Membership(person=people[p], unit=units[u]) for p, u in school["members"])
    Relation.objects.bulk_create(
        Relation(person=people[g], kind="guardian", of=people[c]) for g, c in school["guardians"]
    )

    def rule(effect: Effect, reach: Reach, target: tuple[str, int, str]) -> Rule:
        what, number, kind = target
        if what == "unit":
            return Rule(effect=effect, reach=reach, unit=units[number], kind=kind)
        if what == "person":
            return Rule(effect=effect, reach=reach, person=people[number])
        return Rule(effect=effect, reach=reach, uploaded=True)

    rows = {people[number]: {} for number in school["uploaded"]}
    message = write(world, *(rule(*one) for one in school["rules"]), rows=rows)
    return message, [person.pk for person in people]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(school=schools, cuts=st.sets(st.integers(0, PEOPLE - 1), max_size=4))
def test_any_audience_is_what_a_plain_reading_says_and_its_slices_partition_it(
    world: World, school: dict, cuts: set[int]
) -> None:
    with transaction.atomic():
        message, ids = build(world, school)
        found = [person.pk for person in audience.people(message)]
        assert found == [ids[number] for number in sorted(expected(school))]
        bounds = [0, *(ids[cut] for cut in sorted(cuts)), None]
        slices = [
            list(audience.people(message, after=after, up_to=up_to).values_list("pk", flat=True))
            for after, up_to in itertools.pairwise(bounds)
        ]
        assert [pk for one in slices for pk in one] == found
        transaction.set_rollback(True)
