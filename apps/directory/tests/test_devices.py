"""Devices of the campus app: a token has one owner, and a person a bounded number of tokens."""

import pytest

from apps.directory import services
from apps.directory.models import ContactPoint, Person

pytestmark = pytest.mark.django_db


def tokens(person: Person) -> list[str]:
    return list(ContactPoint.objects.filter(person=person).order_by("pk").values_list("value", flat=True))


def test_a_token_belongs_to_whoever_registered_it_last() -> None:
    one, two = (Person.objects.create(name=name, kind="student") for name in ("one", "two"))
    services.register_device(one, "phone")
    services.register_device(two, "phone")
    services.register_device(two, "phone")
    assert (tokens(one), tokens(two)) == ([], ["phone"])


def test_of_many_devices_the_newest_are_kept() -> None:
    person = Person.objects.create(name="one", kind="student")
    for number in range(services.MOST_DEVICES + 3):
        services.register_device(person, f"phone-{number}")
    assert tokens(person) == [f"phone-{number}" for number in range(3, services.MOST_DEVICES + 3)]
