"""Keys, addresses and tokens are compared byte by byte on every database."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, CharField, F, Q, Value, When
from django.db.models.functions import Coalesce, NullIf

from apps.directory.models import ContactPoint, Person
from apps.directory.tests.factories import a_person

pytestmark = pytest.mark.django_db

DIFFERENT = [
    ("josé", "jose"),
    ("abc", "abc "),
    ("abc", "ABC"),
    ("🎓", "🏫"),
    ("ＡＢＣ", "ABC"),
    ("é", "e\u0301"),
    ("ß", "ss"),
    ("a", "a\u200b"),
    ("", " "),
]


def values(value: str) -> list[str]:
    return list(ContactPoint.objects.filter(value=value).values_list("value", flat=True))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_texts_are_different_keys(one: str, other: str) -> None:
    person = a_person()
    for value in (one, other):
        ContactPoint.objects.create(person=person, kind="device", value=value)
    assert values(one) == [one]
    assert values(other) == [other]
    assert ContactPoint.objects.filter(value__in=[one]).count() == 1
    assert ContactPoint.objects.values("value").distinct().count() == 2


def test_same_text_is_the_same_key() -> None:
    person = a_person()
    ContactPoint.objects.create(person=person, kind="device", value="🎓 josé")
    with pytest.raises(IntegrityError), transaction.atomic():
        ContactPoint.objects.create(person=person, kind="device", value="🎓 josé")


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_columns_are_compared_with_each_other_byte_by_byte(one: str, other: str) -> None:
    person = a_person(number=one)
    ContactPoint.objects.create(person=person, kind="device", value=other)
    assert not Person.objects.filter(contact_points__value=F("number")).exists()


def test_mixes_with_ordinary_text_in_an_expression() -> None:
    person = a_person(name="Zhang", number="S1")
    ContactPoint.objects.create(person=person, kind="device", value="")
    address = NullIf(F("contact_points__value"), Value(""))
    for parts in ([address, "name", "number"], ["number", "name"], ["name", "number"]):
        assert Person.objects.annotate(x=Coalesce(*parts)).filter(x__in=["Zhang", "S1"]).get() == person
    nothing = Value("", output_field=CharField())
    for cases in (Case(When(Q(name=""), "name"), default="number"), Case(When(Q(name=""), nothing), default="number")):
        assert Person.objects.annotate(x=cases).values_list("x", flat=True).get() == "S1"


@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has no such collations")
def test_collation_pads_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW FULL COLUMNS FROM directory_contactpoint WHERE Field = 'value'")
        assert cursor.fetchone()[2] in ("utf8mb4_nopad_bin", "utf8mb4_0900_bin")
