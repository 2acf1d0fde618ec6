"""Addresses have one form, and what cannot be one is refused."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidInput
from apps.directory import contacts
from apps.directory import services as directory
from apps.directory.contacts import normalise
from apps.directory.models import ContactPoint
from apps.directory.tests.factories import a_person


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("mobile", "13800138000", "+8613800138000"),
        ("mobile", " 138-0013 8000 ", "+8613800138000"),
        ("mobile", "+86 138 0013 8000", "+8613800138000"),
        ("mobile", "0086 13800138000", "+8613800138000"),
        ("mobile", "+44 (0)7700 900123", "+447700900123"),
        ("mobile", "１３８００１３８０００", "+8613800138000"),
        ("mobile", "+1 212 555 0150", "+12125550150"),
        ("email", "Li.Hua@Stu.School.EXAMPLE", "li.hua@stu.school.example"),
        ("email", " a+b@c.example\n", "a+b@c.example"),
        ("email", "hua@学校.example", "hua@xn--48s290a.example"),
        ("device", "aBc:123_-", "aBc:123_-"),
    ],
)
def test_input_28_normalised(kind: str, value: str, stored: str) -> None:
    assert normalise(kind, value) == stored
    assert normalise(kind, stored) == stored


@pytest.mark.parametrize(
    "value",
    ["", "010-62345678", "+19005550199", "12", "10086", "138001380001234567", "138001380ab", "1-800-FLOWERS", "电话"],
)
def test_input_27_no_mobile_number(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalise("mobile", value)
    assert caught.value.field == "value"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a",
        "a@b@c.example",
        "a@b.c\r\nBcc: x@y.example",
        "a\n@b.example",
        '"a b"@c.example',
        '"a\x01"@c.example',
        "a@c.example.",
        "a@[127.0.0.1]",
        "a@-c.example",
        "a@" + "c" * 64 + ".example",
        "a" * 64 + "@" + ".".join(["c" * 60] * 4) + ".example",
        "a@c..example",
        "Li Hua <a@c.example>",
        "a@" + "学" * 60 + ".example",
    ],
)
def test_input_30_no_mail_address(value: str) -> None:
    with pytest.raises(InvalidInput):
        normalise("email", value)


@pytest.mark.parametrize("value", ["", " ", "a b", "a\nb", "令牌", "x" * 513, "a\x00b"])
def test_input_34_no_device_token(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalise("device", value)
    assert caught.value.field == "token"


@given(st.sampled_from(ContactPoint.Kind), st.text(max_size=60))
def test_any_text_is_refused_or_stays_as_normalised(kind: str, value: str) -> None:
    try:
        stored = normalise(kind, value)
    except InvalidInput:
        return
    assert normalise(kind, stored) == stored
    assert stored.isascii()
    assert stored.isprintable()


@given(st.from_regex(contacts.PLAIN_MOBILE, fullmatch=True))
def test_the_short_way_to_a_mobile_number_leads_to_the_same(value: str) -> None:
    number = phonenumbers.parse(value, contacts.DEFAULT_REGION)
    assert contacts._takes_texts(number)
    assert normalise("mobile", value) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.django_db
def test_device_belongs_to_whoever_registered_it_last() -> None:
    first, second = a_person(), a_person()
    directory.register_device(first, "token")
    directory.register_device(first, "token")
    directory.register_device(first, "TOKEN")
    directory.register_device(second, " token ")
    points = ContactPoint.objects.order_by("pk").values_list("person", "kind", "value")
    assert list(points) == [(first.pk, "device", "TOKEN"), (second.pk, "device", "token")]


@pytest.mark.django_db
def test_removed_devices_are_forgotten_and_nothing_else() -> None:
    person = a_person(email="gone", devices=("gone", "here", "Gone"))
    assert directory.remove_devices(["gone", "never"]) == 1
    left = person.contact_points.order_by("pk").values_list("kind", "value")
    assert list(left) == [("email", "gone"), ("device", "here"), ("device", "Gone")]
