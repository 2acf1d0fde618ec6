"""POST /messages with drafts that make no sense. The numbers are those of the bad inputs we promise to refuse."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.channels.models import Channel
from apps.core.tests.api import refusals
from apps.directory.tests.factories import a_department, a_person, a_school
from apps.messaging.models import Message
from apps.messaging.tests.bodies import a_body, assert_nothing_stored, assert_refused, post
from apps.messaging.tests.factories import House


@pytest.mark.parametrize(
    ("channels", "code"),
    [
        (["pigeon"], "does_not_exist"),
        (["inbox", "Inbox "], "does_not_exist"),
        ("inbox", "not_a_list"),
        ([1], "invalid"),
        ([{"key": "inbox"}], "invalid"),
        (["inbox", "inbox"], "duplicate"),
        ([], "invalid"),
    ],
)
def test_input_11_an_unknown_channel_is_400(house: House, channels: Any, code: str) -> None:
    assert_refused(house.author, a_body(house, channels=channels), code=code, attr="channels")


def test_input_11_a_channel_that_is_switched_off_is_400(house: House) -> None:
    Channel.objects.filter(key="sms").update(enabled=False)
    assert_refused(house.author, a_body(house, channels=["sms"]), code="invalid", attr="channels")


@pytest.mark.parametrize("kind", ["pigeon", "Notice", 1, None, ["notice"]])
def test_input_11_an_unknown_type_is_400(house: House, kind: Any) -> None:
    code = "null" if kind is None else "does_not_exist" if isinstance(kind, str) else "invalid"
    assert_refused(house.author, a_body(house, type=kind), code=code, attr="type")


def test_input_12_an_empty_audience_is_400(house: House) -> None:
    for audience in ({}, {"include": []}, {"rows": []}):
        assert_refused(house.author, a_body(house, audience=audience), code="no_recipients", attr="audience")
    nobody = {"include": [{"unit": house.room.pk, "kind": "staff"}]}
    assert_refused(house.author, a_body(house, audience=nobody), code="no_recipients", attr="audience")
    person = {"person": house.reader.person.number}
    everybody_out = {"include": [person], "exclude": [person]}
    assert_refused(house.author, a_body(house, audience=everybody_out), code="no_recipients", attr="audience")


@pytest.mark.parametrize(
    "audience", [[], "all", None, {"include": {}}, {"include": ["all"]}, {"rows": {}}, {"rows": [1]}]
)
def test_input_12_an_audience_of_another_form_is_400(house: House, audience: Any) -> None:
    assert refusals(post(house.author, a_body(house, audience=audience)), 400)
    assert_nothing_stored()


@pytest.mark.parametrize(
    "rule", [{}, {"kind": "student"}, {"unit": 1, "uploaded": True}, {"person": "1", "kind": "staff"}]
)
def test_input_12_a_rule_names_exactly_one_thing(house: House, rule: dict[str, Any]) -> None:
    audience = {"include": [rule]}
    code = "kind" if "person" in rule else "one_of"
    attr = "audience.include.0.non_field_errors"
    assert_refused(house.author, a_body(house, audience=audience), code=code, attr=attr)


def test_input_13_an_audience_above_the_limit_is_400(house: House, settings: Any) -> None:
    settings.MAX_AUDIENCE = 1
    a_person(house.room)
    assert_refused(house.author, a_body(house), code="invalid", attr="audience")
    rows = [{"number": str(number)} for number in range(2)]
    assert_refused(house.author, a_body(house, audience={"rows": rows}), code="max_length", attr="audience.rows")


def test_input_13_more_rules_than_a_person_writes_are_400(house: House) -> None:
    audience = {"include": [{"unit": house.room.pk}] * 201}
    assert_refused(
        house.author, a_body(house, audience=audience), code="max_length", attr="audience.include.non_field_errors"
    )


def test_as_many_rules_as_are_allowed_can_be_resolved(house: House) -> None:
    many = [{"unit": house.room.pk, "reach": "both"}] * 200
    nobody = [{"unit": house.room.pk, "kind": "staff", "reach": "both"}] * 200
    assert post(house.author, a_body(house, audience={"include": many, "exclude": nobody})).status_code == 201


def test_input_14_a_foreign_unit_is_404_as_one_that_never_was(house: House) -> None:
    a_person(house.other)
    foreign = a_department(a_school()).pk
    for unit in (house.other.pk, foreign, 2**62):
        body = a_body(house, audience={"include": [{"unit": unit}]})
        assert_refused(house.author, body, status=404, code="not_found", attr="audience")
        assert_refused(house.author, a_body(house, unit=unit), status=404, code="not_found", attr="unit")


@pytest.mark.parametrize("unit", [0, -1, 2**63, "1", 1.5, True, [1]])
def test_input_14_a_unit_that_is_no_id_is_400(house: House, unit: Any) -> None:
    for body, attr in (
        (a_body(house, unit=unit), "unit"),
        (a_body(house, audience={"include": [{"unit": unit}]}), "audience.include.0.unit"),
    ):
        assert refusals(post(house.author, body), 400)[0][1] == attr
    assert_nothing_stored()


def test_input_14_a_foreign_person_is_404_as_one_that_never_was(house: House) -> None:
    for number in (a_person(house.other).number, "nobody"):
        body = a_body(house, audience={"include": [{"person": number}]})
        assert_refused(house.author, body, status=404, code="not_found", attr="audience")


def test_input_14_uploaded_numbers_that_are_unknown_or_foreign_are_listed_up_to_20(house: House) -> None:
    rows = [{"number": house.reader.person.number}, {"number": a_person(house.other).number}]
    rows += [{"number": f"nobody{serial:02}"} for serial in range(25)]
    body = a_body(house, audience={"rows": rows})
    assert_refused(house.author, body, code="unknown_number", attr="audience.rows")
    detail = post(house.author, body).json()["errors"][0]["detail"]
    assert "26" in detail
    assert "nobody18" in detail
    assert "nobody19" not in detail


def test_input_14_the_same_uploaded_number_twice_is_400(house: House) -> None:
    rows = [{"number": house.reader.person.number}] * 2
    assert_refused(house.author, a_body(house, audience={"rows": rows}), code="duplicate", attr="audience.rows.1")


def test_input_15_a_publish_time_in_the_past_is_400(house: House) -> None:
    past = (timezone.now() - timedelta(seconds=1)).isoformat()
    assert_refused(house.author, a_body(house, publish_time=past), code="invalid", attr="publish_time")
    assert_refused(house.author, a_body(house, expires_at=past), code="invalid", attr="expires_at")


@pytest.mark.parametrize(
    ("local", "code", "named"),
    [
        ("2027-01-05T08:00:00", "naive", ["2027-01-05T08:00:00+01:00"]),
        ("2027-01-05", "naive", ["2027-01-05T00:00:00+01:00"]),
        ("2027-10-31T02:30:00", "ambiguous", ["2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"]),
        ("2027-03-28T02:30:00", "non_existent", ["2027-03-28T01:30:00+01:00", "2027-03-28T03:30:00+02:00"]),
    ],
)
def test_input_16_a_local_time_is_400_and_its_instants_are_named(
    house: House, settings: Any, local: str, code: str, named: list[str]
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    body = a_body(house, publish_time=local)
    assert_refused(house.author, body, code=code, attr="publish_time")
    detail = post(house.author, body).json()["errors"][0]["detail"]
    assert [detail.count(instant) for instant in named] == [1] * len(named)
    assert detail.count("2027-") == len(named)


def test_input_16_each_of_the_named_instants_is_accepted(house: House) -> None:
    year = timezone.now().year + 1
    for offset in ("+02:00", "+01:00"):
        body = a_body(house, publish_time=f"{year}-10-31T02:30:00{offset}")
        assert post(house.author, body).status_code == 201
    first, second = Message.objects.order_by("pk").values_list("publish_at", flat=True)
    assert second - first == timedelta(hours=1)
    assert first == datetime(year, 10, 31, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("before", [timedelta(), timedelta(milliseconds=1), timedelta(hours=12)])
def test_input_17_an_expiry_that_is_not_after_the_publish_time_is_400(house: House, before: timedelta) -> None:
    at = timezone.now() + timedelta(days=1)
    body = a_body(house, publish_time=at.isoformat(), expires_at=(at - before).isoformat())
    assert_refused(house.author, body, code="invalid", attr="expires_at")


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2027-02-30T00:00:00Z",
        "2027-01-01T24:01:00Z",
        "2027-01-01T00:00:60Z",
        "2027-01-01T00:00:00+99:00",
        "tomorrow",
        "",
        1893456000,
        True,
        ["2027-01-01T00:00:00Z"],
        "2" * 1_000_000,
    ],
)
def test_input_18_a_time_that_nobody_means_is_400(house: House, at: Any) -> None:
    for name in ("publish_time", "expires_at"):
        assert_refused(house.author, a_body(house, **{name: at}), code="invalid", attr=name)


@pytest.mark.parametrize("content", ["Dear ((nickname))", "((unclosed", "((a((b))))"])
def test_input_36_38_placeholders_that_cannot_be_filled_are_400(house: House, content: str) -> None:
    refused = refusals(post(house.author, a_body(house, content=content)), 400)
    assert refused[0][1] == "content"
    assert_nothing_stored()


def test_input_36_an_uploaded_person_without_a_value_is_400(house: House) -> None:
    rows = [{"number": house.reader.person.number, "values": {}}]
    body = a_body(house, content="Room ((room))", audience={"rows": rows})
    assert_refused(house.author, body, code="missing_value", attr="audience")


def test_input_42_a_title_of_two_lines_is_400(house: House) -> None:
    assert_refused(house.author, a_body(house, title="a\r\nBcc: b"), code="invalid", attr="title")
