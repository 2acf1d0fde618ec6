"""Rules pick everybody they should, once, and nobody else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from apps.directory.models import Adviser, Membership, Person, Relation, Segment, SegmentRule
from apps.directory.tests.factories import a_class, a_guardian, a_person, a_unit
from apps.messaging import audience, segments
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


def a_segment(world: World, *rules: Rule) -> Segment:
    segment = Segment.objects.create(unit=world.office, name=f"segment {Segment.objects.count()}")
    kept = [rule for rule in rules if rule.unit or rule.person]
    SegmentRule.objects.bulk_create(
        SegmentRule(segment=segment, **{part: getattr(rule, part) for part in segments.PARTS}) for rule in kept
    )
    return segment


def leave(person: Person) -> None:
    Person.objects.filter(pk=person.pk).update(state=Person.State.LEFT)


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
    """The membership and the relation are still there: the state alone says it."""
    guardian = a_guardian(world.student)
    rules = [Rule(unit=world.classroom, reach=Reach.BOTH), Rule(person=world.student, reach=Reach.BOTH)]
    rules += [Rule(uploaded=True, reach=Reach.BOTH), Rule(segment=a_segment(world, *rules))]
    assert reached(world, *rules, rows={world.student: {}}) == [world.student, guardian]
    leave(world.student)
    assert reached(world, *rules, rows={world.student: {}}) == []
    sibling = a_person(world.classroom)
    Relation.objects.create(person=guardian, of=sibling)
    assert reached(world, *rules, rows={world.student: {}}) == [guardian, sibling]


def test_input_29_the_same_person_named_in_many_ways_comes_once(world: World) -> None:
    guardian = a_guardian(world.student, a_person(world.classroom))
    twice = [Rule(person=world.student, reach=Reach.BOTH), Rule(unit=world.school, reach=Reach.BOTH)]
    twice += [Rule(segment=a_segment(world, *twice)), Rule(uploaded=True, reach=Reach.BOTH)]
    found = reached(world, *twice, rows={world.student: {}, guardian: {}})
    assert sorted(found, key=lambda person: person.pk) == list(Person.objects.order_by("pk"))


def test_who_has_left_is_reached_in_no_way_and_puts_nobody_out(world: World) -> None:
    guardian, gone = a_guardian(world.student), a_guardian(world.student)
    leave(gone)
    sibling = a_person(world.classroom)
    Relation.objects.create(person=guardian, of=sibling)
    assert reached(world, Rule(person=gone), Rule(unit=world.classroom, reach=Reach.GUARDIANS)) == [guardian]
    leave(sibling)
    without = Rule(person=sibling, reach=Reach.BOTH, effect=Effect.EXCLUDE)
    assert reached(world, Rule(unit=world.classroom, reach=Reach.BOTH), without) == [world.student, guardian]


def test_a_guardian_without_contact_is_reached_on_account_of_another_child_only(world: World) -> None:
    guardian, other = a_guardian(world.student), a_person(world.classroom)
    Relation.objects.update(no_contact=True)
    to_guardians = Rule(unit=world.classroom, reach=Reach.GUARDIANS)
    assert reached(world, to_guardians) == []
    Relation.objects.create(person=guardian, of=other)
    assert reached(world, to_guardians) == [guardian]
    assert reached(world, Rule(person=world.student, reach=Reach.GUARDIANS)) == []
    assert reached(world, to_guardians, replace(to_guardians, person=world.student, unit=None, effect=Effect.EXCLUDE))


def test_state_and_cohort_narrow_a_unit(world: World) -> None:
    intern = a_person(world.classroom)
    Person.objects.filter(pk=intern.pk).update(state="internship", cohort=2024)
    assert reached(world, Rule(unit=world.school, state="internship")) == [intern]
    assert reached(world, Rule(unit=world.school, state="active")) == [world.student]
    assert reached(world, Rule(unit=world.school, cohort=2024)) == [intern]
    assert reached(world, Rule(unit=world.school, cohort=2025)) == []


@pytest.mark.parametrize(
    ("today", "born_on", "minor"),
    [
        ("2026-11-23", "2008-11-24", True),
        ("2026-11-23", "2008-11-23", False),
        ("2026-11-23", None, False),
        ("2026-02-28", "2008-02-29", True),
        ("2026-03-01", "2008-02-29", False),
        ("2028-02-29", "2010-03-01", True),
        ("2028-02-29", "2010-02-28", False),
    ],
)
def test_a_minor_is_under_18_today(world: World, today: str, born_on: str | None, minor: bool) -> None:
    Person.objects.filter(pk=world.student.pk).update(born_on=born_on)
    guardian = a_guardian(world.student)
    with time_machine.travel(f"{today}T12:00:00+08:00", tick=False):
        assert reached(world, Rule(unit=world.school, minors=True)) == [world.student] * minor
        found = reached(world, Rule(unit=world.school, minors=True, reach=Reach.GUARDIANS))
    assert found == [guardian] * minor


@pytest.mark.parametrize(("zone", "minor"), [("Asia/Shanghai", False), ("UTC", True), ("America/New_York", True)])
def test_today_is_the_school_s(world: World, settings: Settings, zone: str, minor: bool) -> None:
    settings.TIME_ZONE = zone
    Person.objects.filter(pk=world.student.pk).update(born_on="2008-11-23")
    with time_machine.travel("2026-11-22T16:30:00Z", tick=False), timezone.override("UTC"):
        assert reached(world, Rule(unit=world.school, minors=True)) == [world.student] * minor


def test_minors_are_told_by_the_day_of_publishing(world: World) -> None:
    """Or a fan-out that runs past midnight would freeze two audiences in one."""
    Person.objects.filter(pk=world.student.pk).update(born_on="2008-11-24")
    message = write(world, Rule(unit=world.school, minors=True))
    message.publish_at = datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert not audience.people(message).exists()
    message.published_at = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)
    with time_machine.travel("2026-11-24T12:00:00Z", tick=False):
        assert audience.people(message).get() == world.student


def test_a_segment_is_its_included_people_without_its_excluded_ones(world: World) -> None:
    intern, teacher = a_person(world.classroom), a_person(world.classroom, kind=Person.Kind.STAFF)
    Person.objects.filter(pk=intern.pk).update(state="internship")
    segment = a_segment(
        world,
        Rule(unit=world.classroom, kind="student"),
        Rule(unit=world.classroom, state="internship", effect=Effect.EXCLUDE),
    )
    assert reached(world, Rule(segment=segment)) == [world.student]
    # What a segment leaves out, another rule may bring.
    assert reached(world, Rule(segment=segment), Rule(person=intern)) == [world.student, intern]
    whole = Rule(unit=world.classroom)
    assert reached(world, whole, Rule(segment=segment, effect=Effect.EXCLUDE)) == [intern, teacher]


def test_a_segment_can_be_narrowed_and_its_guardians_reached(world: World) -> None:
    child = a_person(world.classroom)
    guardian = a_guardian(child)
    a_guardian(world.student)
    Person.objects.filter(pk=child.pk).update(cohort=2024)
    segment = a_segment(world, Rule(unit=world.classroom))
    assert reached(world, Rule(segment=segment, cohort=2024, reach=Reach.BOTH)) == [child, guardian]


def test_a_segment_that_includes_nobody_is_nobody(world: World) -> None:
    empty, out = a_segment(world), a_segment(world, Rule(unit=world.school, effect=Effect.EXCLUDE))
    for segment in (empty, out):
        assert reached(world, Rule(segment=segment)) == []
        assert reached(world, Rule(segment=segment, reach=Reach.GUARDIANS)) == []
        left_out = Rule(segment=segment, effect=Effect.EXCLUDE)
        assert reached(world, Rule(unit=world.school), left_out) == [world.student]


def test_one_query_finds_everybody_and_three_find_the_rules(world: World, django_assert_num_queries: object) -> None:
    rules = [Rule(unit=world.school), Rule(unit=world.classroom, cohort=2024, reach=Reach.BOTH)] * 20
    message = write(world, *rules, Rule(segment=a_segment(world, *rules)), Rule(person=world.student))
    with django_assert_num_queries(4):
        list(audience.people(message))


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
