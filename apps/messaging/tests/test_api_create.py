"""POST /messages. The numbers are those of the bad inputs that this API promises to refuse."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.tests.factories import a_client, an_administrator, an_approver
from apps.audit.models import Entry
from apps.channels.models import Channel
from apps.core.tests.api import refusals
from apps.directory.tests.factories import a_department, a_person, a_school
from apps.messaging.models import AudienceRule, Message, MessageType
from apps.messaging.states import Status
from apps.messaging.tests.bodies import URL, a_body, assert_nothing_stored, assert_refused, post
from apps.messaging.tests.factories import House

TOMORROW = timezone.now() + timedelta(days=1)


def post_text(house: House, text: str | bytes, **extra: Any) -> Any:
    kind = extra.pop("content_type", "application/json")
    return a_client(house.author).generic("POST", URL, text, content_type=kind, **extra)


def test_a_message_is_stored_as_a_draft_and_shown(house: House) -> None:
    when = TOMORROW.replace(microsecond=0)
    response = post(
        house.author,
        a_body(
            house, publish_time=when.isoformat(), expires_at=(when + timedelta(hours=1)).isoformat(), urgency="urgent"
        ),
    )
    assert response.status_code == 201
    message = Message.objects.get()
    shown = response.json()
    assert response["Location"] == shown["url"] == f"http://testserver{URL}/{message.pk}"
    assert (message.author, message.unit, message.publish_at) == (house.author, house.department, when)
    assert shown["publish_time"] == when.astimezone(UTC).isoformat().replace("+00:00", "Z")
    told = {name: shown[name] for name in ("id", "status", "title", "type", "urgency", "unit", "channels", "ended_at")}
    assert told == {
        "id": message.pk,
        "status": Status.DRAFT,
        "title": "Water off",
        "type": "notice",
        "urgency": "urgent",
        "unit": house.department.pk,
        "channels": ["inbox"],
        "ended_at": None,
    }
    include = [{"unit": house.room.pk, "reach": "self"}]
    assert shown["audience"] == {"include": include, "exclude": [], "row_count": 0}
    assert Entry.objects.get(object_type="messaging.message").verb == "create"


def test_channels_and_urgency_are_the_types_if_left_out(house: House) -> None:
    exam = MessageType.objects.get(key="exam")
    exam.urgency = "urgent"
    exam.save()
    shown = post(house.author, a_body(house, type="exam", channels=..., urgency=...)).json()
    assert (shown["channels"], shown["urgency"]) == (["inbox", "email", "sms"], "urgent")


def test_uploaded_people_are_the_audience_if_nothing_is_included(house: House) -> None:
    people = [a_person(house.room), a_person(house.room)]
    rows = [{"number": one.number, "values": {"room": f"A{one.pk}"}} for one in people]
    response = post(house.author, a_body(house, content="Room ((room))", audience={"rows": rows}))
    assert response.status_code == 201, response.content
    stored = dict(Message.objects.get().audience_rows.values_list("person", "values"))
    assert stored == {one.pk: {"room": f"A{one.pk}"} for one in people}
    assert response.json()["audience"]["include"] == [{"uploaded": True, "reach": "self"}]


def test_every_kind_of_rule_is_stored(house: House) -> None:
    person = a_person(house.room)
    audience = {
        "include": [{"unit": house.room.pk, "kind": "student", "reach": "both"}, {"person": person.number}],
        "exclude": [{"unit": house.room.pk, "kind": "staff"}],
    }
    assert post(house.author, a_body(house, audience=audience)).status_code == 201
    stored = AudienceRule.objects.values_list("effect", "unit", "kind", "reach", "person")
    assert set(stored) == {
        ("include", house.room.pk, "student", "both", None),
        ("include", None, "", "self", person.pk),
        ("exclude", house.room.pk, "staff", "self", None),
    }


def test_the_unit_must_be_named_by_whoever_writes_for_two(house: House) -> None:
    administrator = an_administrator(house.department)
    administrator.roles.create(unit=house.other, role="author")
    assert_refused(administrator, a_body(house), code="required", attr="unit")
    assert post(administrator, a_body(house, unit=house.other.pk)).json()["unit"] == house.other.pk


def test_a_colleague_may_a_stranger_and_a_reader_may_not_write_for_a_department(house: House) -> None:
    body = a_body(house, unit=house.department.pk)
    assert_refused(house.stranger, body, status=404, code="not_found", attr="unit")
    assert_refused(house.reader, body, status=403, code="permission_denied", attr=None)
    assert_refused(an_approver(house.department), body, status=403, code="permission_denied", attr=None)
    assert post(house.colleague, body).status_code == 201


def test_an_author_may_not_write_an_emergency(house: House) -> None:
    assert_refused(house.author, a_body(house, urgency="emergency"), status=403, code="not_allowed", attr="urgency")
    assert post(an_administrator(house.department), a_body(house, urgency="emergency")).status_code == 201


@pytest.mark.parametrize("missing", ["title", "content", "type", "audience"])
def test_01_a_missing_field_is_400(house: House, missing: str) -> None:
    assert_refused(house.author, a_body(house, **{missing: ...}), code="required", attr=missing)


@pytest.mark.parametrize("blank", ["", "  \t ", None, 5, ["a"], True])
def test_01_a_title_that_is_no_text_is_400(house: House, blank: Any) -> None:
    code = "null" if blank is None else "blank" if isinstance(blank, str) else "invalid"
    assert_refused(house.author, a_body(house, title=blank), code=code, attr="title")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "'a'", "\ufeff{}", "{'title': 1}", '{"a": 1,}', "[" * 100_000])
def test_02_a_body_that_is_no_json_object_is_400(house: House, text: str) -> None:
    refusals(post_text(house, text), 400)
    assert_nothing_stored()


def test_02_a_body_that_is_not_utf8_is_400(house: House) -> None:
    assert refusals(post_text(house, b'{"title": "\xff"}'), 400) == [("parse_error", None)]
    assert_nothing_stored()


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "rubbish"])
def test_03_another_content_type_is_415(house: House, kind: str) -> None:
    response = post_text(house, json.dumps(a_body(house)), content_type=kind)
    assert refusals(response, 415) == [("unsupported_media_type", None)]
    assert_nothing_stored()


def test_04_a_body_above_the_limit_is_413_before_it_is_read(house: House, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    unread = BytesIO(b"")
    response = post_text(house, b"{}", CONTENT_LENGTH="1001", **{"wsgi.input": unread})
    assert refusals(response, 413) == [("too_large", None)]
    assert_nothing_stored()


def test_04_a_chunked_body_above_the_limit_is_413(house: House, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = json.dumps(a_body(house, content="x" * 1000)).encode()
    assert refusals(post_chunked(house, body), 413) == [("too_large", None)]
    assert_nothing_stored()


def test_04_a_chunked_body_within_the_limit_is_read(house: House) -> None:
    assert post_chunked(house, json.dumps(a_body(house)).encode()).status_code == 201


def test_04_a_chunked_body_whose_end_the_server_does_not_know_is_411(house: House) -> None:
    response = post_chunked(house, b"{}", **{"wsgi.input_terminated": False})
    assert refusals(response, 411) == [("length_required", None)]


def post_chunked(house: House, body: bytes, **extra: Any) -> Any:
    chunked = {"wsgi.input": BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return post_text(house, b"", content_type="application/json", CONTENT_TYPE="application/json", **chunked | extra)


def test_05_ten_megabytes_of_title_are_400(house: House) -> None:
    assert_refused(house.author, a_body(house, title="x" * 10_000_000), code="max_length", attr="title")


def test_05_each_text_has_its_limit(house: House) -> None:
    assert_refused(house.author, a_body(house, content="x" * 20_001), code="max_length", attr="content")
    assert_refused(house.author, a_body(house, type="x" * 101), code="invalid", attr="type")
    rows = [{"number": house.reader.person.number, "values": {"a": "x" * 2001}}]
    assert_refused(house.author, a_body(house, audience={"rows": rows}), code="values", attr="audience.rows.0")


@pytest.mark.parametrize("character", ["\\u0000", "\\ud800", "\\udc00", "\\uDFFF\\ud800"])
def test_06_07_nul_and_lone_surrogates_are_400(house: House, character: str) -> None:
    for field in ("title", "content"):
        text = json.dumps(a_body(house, **{field: "a@b"})).replace("@", character)
        assert refusals(post_text(house, text), 400) == [("unstorable", field)]
    assert_nothing_stored()


def test_06_07_nul_in_a_value_or_a_name_is_400(house: House) -> None:
    rows = [{"number": house.reader.person.number, "values": {"a@": "x"}}]
    text = json.dumps(a_body(house, audience={"rows": rows})).replace("@", "\\u0000")
    assert refusals(post_text(house, text), 400) == [("unstorable", "audience.rows.0.values")]
    assert refusals(post_text(house, text.replace("a\\u0000", "a").replace('"x"', '"\\ud800"')), 400) == [
        ("unstorable", "audience.rows.0.values.a")
    ]
    assert_nothing_stored()


@pytest.mark.parametrize(
    "text",
    [
        "🎓 毕业典礼",
        "👨‍👩‍👧‍👦 family",
        "مرحبا بالعالم",
        "\u202eright to left",
        " leading and trailing ",
        "é\u0301\u0323",
        "𠮷野家",
    ],
)
def test_08_every_script_is_stored_exactly(house: House, text: str) -> None:
    for body in (a_body(house, title=text, content=text), a_body(house)):
        shown = post(house.author, body).json()
        message = Message.objects.get(pk=shown["id"])
        assert (
            (message.title, message.content) == (shown["title"], shown["content"]) == (body["title"], body["content"])
        )


def test_09_an_unknown_field_is_400(house: House) -> None:
    assert_refused(house.author, a_body(house, publish_at=None), code="unknown_field", attr="publish_at")
    assert_refused(house.author, a_body(house, publish=True), code="unknown_field", attr="publish")
    audience = {"include": [{"unit": house.room.pk, "children": True}]}
    assert_refused(
        house.author, a_body(house, audience=audience), code="unknown_field", attr="audience.include.0.children"
    )
    assert_refused(house.author, a_body(house, audience={"all": True}), code="unknown_field", attr="audience.all")
    row = {"number": house.reader.person.number, "value": {}}
    assert_refused(house.author, a_body(house, audience={"rows": [row]}), code="invalid", attr="audience.rows.0")


def test_10_doubled_names_are_400(house: House) -> None:
    text = json.dumps(a_body(house))[:-1] + ', "title": "other"}'
    assert refusals(post_text(house, text), 400) == [("duplicate_name", None)]
    assert_nothing_stored()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_10_numbers_that_are_none_are_400(house: House, number: str) -> None:
    text = json.dumps(a_body(house))[:-1] + f', "unit": {number}}}'
    assert refusals(post_text(house, text), 400) == [("parse_error", None)]
    assert_nothing_stored()


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
def test_11_an_unknown_channel_is_400(house: House, channels: Any, code: str) -> None:
    assert_refused(house.author, a_body(house, channels=channels), code=code, attr="channels")


def test_11_a_channel_that_is_switched_off_is_400(house: House) -> None:
    Channel.objects.filter(key="sms").update(enabled=False)
    assert_refused(house.author, a_body(house, channels=["sms"]), code="invalid", attr="channels")


@pytest.mark.parametrize("kind", ["pigeon", "Notice", 1, None, ["notice"]])
def test_11_an_unknown_type_is_400(house: House, kind: Any) -> None:
    code = "null" if kind is None else "does_not_exist" if isinstance(kind, str) else "invalid"
    assert_refused(house.author, a_body(house, type=kind), code=code, attr="type")


def test_12_an_empty_audience_is_400(house: House) -> None:
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
def test_12_an_audience_of_another_form_is_400(house: House, audience: Any) -> None:
    assert refusals(post(house.author, a_body(house, audience=audience)), 400)
    assert_nothing_stored()


@pytest.mark.parametrize(
    "rule", [{}, {"kind": "student"}, {"unit": 1, "uploaded": True}, {"person": "1", "kind": "staff"}]
)
def test_12_a_rule_names_exactly_one_thing(house: House, rule: dict[str, Any]) -> None:
    audience = {"include": [rule]}
    code = "kind" if "person" in rule else "one_of"
    attr = "audience.include.0.non_field_errors"
    assert_refused(house.author, a_body(house, audience=audience), code=code, attr=attr)


def test_13_an_audience_above_the_limit_is_400(house: House, settings: Any) -> None:
    settings.MAX_AUDIENCE = 1
    a_person(house.room)
    assert_refused(house.author, a_body(house), code="invalid", attr="audience")
    rows = [{"number": str(number)} for number in range(2)]
    assert_refused(house.author, a_body(house, audience={"rows": rows}), code="max_length", attr="audience.rows")


def test_13_more_rules_than_a_person_writes_are_400(house: House) -> None:
    audience = {"include": [{"unit": house.room.pk}] * 201}
    assert_refused(
        house.author, a_body(house, audience=audience), code="max_length", attr="audience.include.non_field_errors"
    )


def test_as_many_rules_as_are_allowed_can_be_resolved(house: House) -> None:
    many = [{"unit": house.room.pk, "reach": "both"}] * 200
    nobody = [{"unit": house.room.pk, "kind": "staff", "reach": "both"}] * 200
    assert post(house.author, a_body(house, audience={"include": many, "exclude": nobody})).status_code == 201


def test_14_a_foreign_unit_is_404_as_one_that_never_was(house: House) -> None:
    a_person(house.other)
    foreign = a_department(a_school()).pk
    for unit in (house.other.pk, foreign, 2**62):
        body = a_body(house, audience={"include": [{"unit": unit}]})
        assert_refused(house.author, body, status=404, code="not_found", attr="audience")
        assert_refused(house.author, a_body(house, unit=unit), status=404, code="not_found", attr="unit")


@pytest.mark.parametrize("unit", [0, -1, 2**63, "1", 1.5, True, [1]])
def test_14_a_unit_that_is_no_id_is_400(house: House, unit: Any) -> None:
    for body, attr in (
        (a_body(house, unit=unit), "unit"),
        (a_body(house, audience={"include": [{"unit": unit}]}), "audience.include.0.unit"),
    ):
        assert refusals(post(house.author, body), 400)[0][1] == attr
    assert_nothing_stored()


def test_14_a_foreign_person_is_404_as_one_that_never_was(house: House) -> None:
    for number in (a_person(house.other).number, "nobody"):
        body = a_body(house, audience={"include": [{"person": number}]})
        assert_refused(house.author, body, status=404, code="not_found", attr="audience")


def test_14_uploaded_numbers_that_are_unknown_or_foreign_are_listed_up_to_20(house: House) -> None:
    rows = [{"number": house.reader.person.number}, {"number": a_person(house.other).number}]
    rows += [{"number": f"nobody{serial:02}"} for serial in range(25)]
    body = a_body(house, audience={"rows": rows})
    assert_refused(house.author, body, code="unknown_number", attr="audience.rows")
    detail = post(house.author, body).json()["errors"][0]["detail"]
    assert "26" in detail
    assert "nobody18" in detail
    assert "nobody19" not in detail


def test_14_the_same_uploaded_number_twice_is_400(house: House) -> None:
    rows = [{"number": house.reader.person.number}] * 2
    assert_refused(house.author, a_body(house, audience={"rows": rows}), code="duplicate", attr="audience.rows.1")


def test_15_a_publish_time_in_the_past_is_400(house: House) -> None:
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
def test_16_a_local_time_is_400_and_its_instants_are_named(
    house: House, settings: Any, local: str, code: str, named: list[str]
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    body = a_body(house, publish_time=local)
    assert_refused(house.author, body, code=code, attr="publish_time")
    detail = post(house.author, body).json()["errors"][0]["detail"]
    assert [detail.count(instant) for instant in named] == [1] * len(named)
    assert detail.count("2027-") == len(named)


def test_16_each_of_the_named_instants_is_accepted(house: House) -> None:
    year = timezone.now().year + 1
    for offset in ("+02:00", "+01:00"):
        body = a_body(house, publish_time=f"{year}-10-31T02:30:00{offset}")
        assert post(house.author, body).status_code == 201
    first, second = Message.objects.order_by("pk").values_list("publish_at", flat=True)
    assert second - first == timedelta(hours=1)
    assert first == datetime(year, 10, 31, 0, 30, tzinfo=UTC)


def test_17_an_expiry_that_is_not_after_the_publish_time_is_400(house: House) -> None:
    at = TOMORROW.isoformat()
    assert_refused(house.author, a_body(house, publish_time=at, expires_at=at), code="invalid", attr="expires_at")


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
def test_18_a_time_that_nobody_means_is_400(house: House, at: Any) -> None:
    for name in ("publish_time", "expires_at"):
        assert_refused(house.author, a_body(house, **{name: at}), code="invalid", attr=name)


@pytest.mark.parametrize("content", ["Dear ((nickname))", "((unclosed", "((a((b))))"])
def test_36_38_placeholders_that_cannot_be_filled_are_400(house: House, content: str) -> None:
    refused = refusals(post(house.author, a_body(house, content=content)), 400)
    assert refused[0][1] == "content"
    assert_nothing_stored()


def test_36_an_uploaded_person_without_a_value_is_400(house: House) -> None:
    rows = [{"number": house.reader.person.number, "values": {}}]
    body = a_body(house, content="Room ((room))", audience={"rows": rows})
    assert_refused(house.author, body, code="missing_value", attr="audience")


def test_42_a_title_of_two_lines_is_400(house: House) -> None:
    assert_refused(house.author, a_body(house, title="a\r\nBcc: b"), code="invalid", attr="title")


def test_a_crash_is_500_in_the_same_shape_and_tells_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("apps.messaging.services._write", crash)
    response = post(house.author, a_body(house))
    assert refusals(response, 500) == [("error", None)]
    assert "swordfish" not in response.content.decode()
    assert_nothing_stored()
