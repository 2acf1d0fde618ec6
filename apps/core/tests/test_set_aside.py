"""Ids set aside in a temporary table: found once, asked often, gone afterwards."""

import pytest
from django.db import DatabaseError, connection, transaction

from apps.core import db
from apps.core.db import set_aside
from apps.directory.models import Membership, OrgUnit, Person
from apps.directory.tests.factories import a_class, a_person

pytestmark = pytest.mark.django_db


def some(count: int) -> list[int]:
    unit = a_class(None)
    return [a_person(unit).pk for _ in range(count)]


def gone() -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {db.ASIDE}")
    except DatabaseError:
        return True
    return False


def test_what_is_set_aside_is_counted_and_joined_with_and_then_gone() -> None:
    ids = some(3)
    a_person()
    with set_aside(Person.objects.filter(pk__in=ids[1:]).values_list("pk")) as aside:
        assert aside.count == 2
        assert list(Person.objects.filter(pk__in=aside.ids).order_by("pk").values_list("pk", flat=True)) == ids[1:]
        assert aside.count_in(Membership.objects.values("person")) == 2
        assert aside.count_in(Membership.objects.filter(unit__kind="school").values("person")) == 0
        assert aside.count_in(Person.objects.filter(pk__gt=ids[1]).values("pk")) == 1
    assert gone()


@pytest.mark.parametrize("empty", [Person.objects.none, lambda: Person.objects.filter(name="nobody")])
def test_nothing_can_be_set_aside(empty: object) -> None:
    with set_aside(empty().values_list("pk")) as aside:
        assert (aside.count, aside.spread(10)) == (0, [])
        assert not Person.objects.filter(pk__in=aside.ids).exists()


def test_what_an_error_left_is_not_in_the_way() -> None:
    ids = some(2)
    with pytest.raises(ZeroDivisionError), transaction.atomic(), set_aside(Person.objects.values_list("pk")):
        raise ZeroDivisionError
    with set_aside(Person.objects.filter(pk=ids[0]).values_list("pk")) as aside:
        assert aside.count == 1
    assert gone()


def test_a_spread_is_from_all_over_with_both_ends() -> None:
    ids = some(50)
    with set_aside(Person.objects.values_list("pk")) as aside:
        found = aside.spread(5)
        assert found == aside.spread(5)
    assert (len(found), found[0], found[-1]) == (5, ids[0], ids[-1])
    with set_aside(Person.objects.filter(pk__in=ids[:2]).values_list("pk")) as aside:
        assert aside.spread(5) == ids[:2]


def test_a_transaction_around_it_goes_on_and_can_be_rolled_back() -> None:
    """On MySQL most statements that make or drop something end it."""
    with transaction.atomic():
        unit = OrgUnit.objects.create(name="x", kind="school")
        with set_aside(OrgUnit.objects.order_by().values_list("pk")) as aside:
            assert aside.count == 1
        transaction.set_rollback(True)
    assert not OrgUnit.objects.filter(pk=unit.pk).exists()
