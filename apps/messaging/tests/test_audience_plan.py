"""How MariaDB finds the people of a slice: by ranges of ids, whatever the rules, and never through all of them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from apps.directory.models import Membership, OrgUnit, Person, Relation, Segment, SegmentRule
from apps.directory.tests.factories import a_class
from apps.messaging import audience
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRow, Message
from apps.messaging.tests.conftest import World
from apps.messaging.tests.test_audience import Effect, Reach, write

pytestmark = [pytest.mark.django_db(transaction=True)]
PEOPLE, CLASSES, SLICE = 6_000, 20, 100
TABLES = ("person", "membership", "relation", "orgunit", "contactpoint")


@pytest.fixture
def large(world: World) -> World:
    """Students in classes, each with a guardian."""
    if connection.vendor != "mysql":
        pytest.skip("the plan of MariaDB is asked for")
    classes = [a_class(world.school) for _ in range(CLASSES)]
    Person.objects.bulk_create(Person(name=f"s{n}", kind="student", cohort=2020 + n % 5) for n in range(PEOPLE))
    students = list(Person.objects.filter(kind="student").order_by("pk"))
    Membership.objects.bulk_create(Membership(person=one, unit=classes[n % CLASSES]) for n, one in enumerate(students))
    Person.objects.bulk_create(Person(name=f"g{n}", kind="guardian") for n in range(PEOPLE))
    guardians = list(Person.objects.filter(kind="guardian").order_by("pk"))
    Relation.objects.bulk_create(Relation(person=one, of=of) for one, of in zip(guardians, students, strict=False))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE " + ", ".join(f"directory_{name}" for name in TABLES))
        cursor.fetchall()
    return world


def messages(world: World) -> Iterator[Message]:
    """Audiences of every kind."""
    unit = OrgUnit.objects.filter(kind="class").latest("pk")
    segment = Segment.objects.create(unit=world.office, name="all")
    SegmentRule.objects.create(segment=segment, unit=world.school)
    SegmentRule.objects.create(segment=segment, unit=unit, cohort=2021, effect=Effect.EXCLUDE)
    school, one_class = Rule(unit=world.school), Rule(unit=unit)
    both = Rule(unit=world.school, cohort=2021, reach=Reach.BOTH)
    yield write(world, school)
    yield write(world, one_class)
    yield write(world, Rule(unit=world.school, kind="student", cohort=2021, state="active", minors=True))
    yield write(world, Rule(unit=world.school, reach=Reach.GUARDIANS))
    yield write(world, both)
    yield write(world, both, Rule(unit=unit, reach=Reach.BOTH, effect=Effect.EXCLUDE))
    yield write(world, Rule(segment=segment), Rule(segment=segment, reach=Reach.GUARDIANS))
    message = write(world, school, Rule(uploaded=True), Rule(person=world.student, effect=Effect.EXCLUDE))
    people = Person.objects.filter(kind="student")[: PEOPLE // 2]
    AudienceRow.objects.bulk_create(AudienceRow(message=message, person=person) for person in people)
    yield message


def tables(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, dict):
        if "table_name" in plan:
            yield plan
        plan = list(plan.values())
    for part in plan if isinstance(plan, list) else ():
        yield from tables(part)


def test_no_slice_reads_all_people(large: World) -> None:
    ids = list(Person.objects.order_by("pk").values_list("pk", flat=True))
    for message in messages(large):
        for start in (100, PEOPLE + 1_000):
            found = audience.people(message, after=ids[start], up_to=ids[start + SLICE])
            # Django quotes the plan once more.
            plan = list(tables(json.loads(json.loads(found.explain(format="JSON")))))
            assert "directory_person" in {table["table_name"] for table in plan}
            for table in plan:
                where = (str(found.query)[:1000], table)
                assert table["access_type"] not in ("ALL", "index") or table["table_name"].startswith("<"), where
                assert table.get("rows", 1) <= 4 * SLICE, where
