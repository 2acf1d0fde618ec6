"""POST /messages with bodies that cannot be read. The numbers are those of the bad inputs we promise to refuse."""

import json
from io import BytesIO
from typing import Any

import pytest

from apps.accounts.tests.factories import a_client
from apps.core.tests.api import refusals
from apps.messaging.models import Message
from apps.messaging.tests.bodies import URL, a_body, assert_nothing_stored, assert_refused, post
from apps.messaging.tests.factories import House


def post_text(house: House, text: str | bytes, **extra: Any) -> Any:
    kind = extra.pop("content_type", "application/json")
    return a_client(house.author).generic("POST", URL, text, content_type=kind, **extra)


@pytest.mark.parametrize("missing", ["title", "content", "type", "audience"])
def test_input_01_a_missing_field_is_400(house: House, missing: str) -> None:
    assert_refused(house.author, a_body(house, **{missing: ...}), code="required", attr=missing)


@pytest.mark.parametrize("blank", ["", "  \t ", None, 5, ["a"], True])
def test_input_01_a_title_that_is_no_text_is_400(house: House, blank: Any) -> None:
    code = "null" if blank is None else "blank" if isinstance(blank, str) else "invalid"
    assert_refused(house.author, a_body(house, title=blank), code=code, attr="title")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "'a'", "\ufeff{}", "{'title': 1}", '{"a": 1,}', "[" * 100_000])
def test_input_02_a_body_that_is_no_json_object_is_400(house: House, text: str) -> None:
    refusals(post_text(house, text), 400)
    assert_nothing_stored()


def test_input_02_a_body_that_is_not_utf8_is_400(house: House) -> None:
    assert refusals(post_text(house, b'{"title": "\xff"}'), 400) == [("parse_error", None)]
    assert_nothing_stored()


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "rubbish"])
def test_input_03_another_content_type_is_415(house: House, kind: str) -> None:
    response = post_text(house, json.dumps(a_body(house)), content_type=kind)
    assert refusals(response, 415) == [("unsupported_media_type", None)]
    assert_nothing_stored()


def test_input_04_a_body_above_the_limit_is_413_before_it_is_read(house: House, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    unread = BytesIO(b"")
    response = post_text(house, b"{}", CONTENT_LENGTH="1001", **{"wsgi.input": unread})
    assert refusals(response, 413) == [("too_large", None)]
    assert_nothing_stored()


def test_input_04_a_chunked_body_above_the_limit_is_413(house: House, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = json.dumps(a_body(house, content="x" * 1000)).encode()
    assert refusals(post_chunked(house, body), 413) == [("too_large", None)]
    assert_nothing_stored()


def test_input_04_a_chunked_body_within_the_limit_is_read(house: House) -> None:
    assert post_chunked(house, json.dumps(a_body(house)).encode()).status_code == 201


def test_input_04_a_chunked_body_whose_end_the_server_does_not_know_is_411(house: House) -> None:
    response = post_chunked(house, b"{}", **{"wsgi.input_terminated": False})
    assert refusals(response, 411) == [("length_required", None)]
    assert_nothing_stored()


def post_chunked(house: House, body: bytes, **extra: Any) -> Any:
    chunked = {"wsgi.input": BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return post_text(house, b"", content_type="application/json", CONTENT_TYPE="application/json", **chunked | extra)


def test_input_05_ten_megabytes_of_title_are_400(house: House) -> None:
    assert_refused(house.author, a_body(house, title="x" * 10_000_000), code="max_length", attr="title")


def test_input_05_each_text_has_its_limit(house: House) -> None:
    assert_refused(house.author, a_body(house, content="x" * 20_001), code="max_length", attr="content")
    assert_refused(house.author, a_body(house, type="x" * 101), code="invalid", attr="type")
    rows = [{"number": house.reader.person.number, "values": {"a": "x" * 2001}}]
    assert_refused(house.author, a_body(house, audience={"rows": rows}), code="values", attr="audience.rows.0")


@pytest.mark.parametrize("character", ["\\u0000", "\\ud800", "\\udc00", "\\uDFFF\\ud800"])
def test_input_06_07_nul_and_lone_surrogates_are_400(house: House, character: str) -> None:
    for field in ("title", "content"):
        text = json.dumps(a_body(house, **{field: "a@b"})).replace("@", character)
        assert refusals(post_text(house, text), 400) == [("unstorable", field)]
    assert_nothing_stored()


def test_input_06_07_nul_in_a_value_or_a_name_is_400(house: House) -> None:
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
def test_input_08_every_script_is_stored_exactly(house: House, text: str) -> None:
    for body in (a_body(house, title=text, content=text), a_body(house)):
        shown = post(house.author, body).json()
        message = Message.objects.get(pk=shown["id"])
        assert (
            (message.title, message.content) == (shown["title"], shown["content"]) == (body["title"], body["content"])
        )


def test_input_09_an_unknown_field_is_400(house: House) -> None:
    assert_refused(house.author, a_body(house, publish_at=None), code="unknown_field", attr="publish_at")
    assert_refused(house.author, a_body(house, publish=True), code="unknown_field", attr="publish")
    audience = {"include": [{"unit": house.room.pk, "children": True}]}
    assert_refused(
        house.author, a_body(house, audience=audience), code="unknown_field", attr="audience.include.0.children"
    )
    assert_refused(house.author, a_body(house, audience={"all": True}), code="unknown_field", attr="audience.all")
    row = {"number": house.reader.person.number, "value": {}}
    assert_refused(house.author, a_body(house, audience={"rows": [row]}), code="invalid", attr="audience.rows.0")


def test_input_10_doubled_names_are_400(house: House) -> None:
    text = json.dumps(a_body(house))[:-1] + ', "title": "other"}'
    assert refusals(post_text(house, text), 400) == [("duplicate_name", None)]
    assert_nothing_stored()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_input_10_numbers_that_are_none_are_400(house: House, number: str) -> None:
    text = json.dumps(a_body(house))[:-1] + f', "unit": {number}}}'
    assert refusals(post_text(house, text), 400) == [("parse_error", None)]
    assert_nothing_stored()
