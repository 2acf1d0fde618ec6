"""GET /messages: pages, filters, and whose messages they are."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.tests.factories import a_client
from apps.core.tests.api import refusals
from apps.messaging.models import MessageType
from apps.messaging.tests.bodies import URL
from apps.messaging.tests.factories import House, a_message, a_published_message


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def some_messages(house: House, count: int) -> list[int]:
    return [a_message(house.author, house.department, to=house.room).pk for _ in range(count)][::-1]


def test_a_colleague_sees_a_message_a_stranger_and_its_reader_do_not(house: House) -> None:
    found = some_messages(house, 1)
    seen = [ids(a_client(who).get(URL)) for who in (house.author, house.colleague, house.stranger, house.reader)]
    assert seen == [found, found, [], []]


def test_pages_hold_every_message_once_newest_first_while_others_are_written(house: House) -> None:
    found = some_messages(house, 5)
    client = a_client(house.author)
    first = client.get(URL, {"page_size": 2})
    some_messages(house, 1)
    second = client.get(first.json()["next"])
    third = client.get(second.json()["next"])
    assert ids(first) + ids(second) + ids(third) == found
    assert third.json()["next"] is None
    assert ids(client.get(third.json()["previous"])) == ids(second)


def test_filters_narrow_the_list_and_stay_in_the_link_to_the_next_page(house: House, jobs_outbox: list) -> None:
    exam = MessageType.objects.get(key="exam")
    drafts = [a_message(house.author, house.department, to=house.room, type=exam).pk for _ in range(3)][::-1]
    some_messages(house, 1)
    sent = a_published_message(house.author, house.department, to=house.room, urgency="urgent").pk
    client = a_client(house.author)
    assert ids(client.get(URL, {"status": "publishing"})) == ids(client.get(URL, {"urgency": "urgent"})) == [sent]
    assert len(ids(client.get(URL, {"unit": house.department.pk}))) == 5
    first = client.get(URL, {"type": "exam", "status": "draft", "page_size": 2})
    assert ids(first) + ids(client.get(first.json()["next"])) == drafts


def test_a_list_costs_the_same_for_more_messages(house: House) -> None:
    client = a_client(house.author)
    some_messages(house, 1)
    costs = []
    for _ in range(2):
        client.get(URL)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(URL)
        costs.append(len(queries))
        some_messages(house, 5)
    assert costs[0] == costs[1]


@pytest.mark.parametrize("size", ["0", "-1", "201", "1000000000", "9" * 50, "2.0", "all", "", "²", "1_0"])
def test_input_23_a_page_size_out_of_range_is_400(house: House, size: str) -> None:
    assert refusals(a_client(house.author).get(URL, {"page_size": size}), 400) == [("invalid", "page_size")]


def test_input_23_a_page_number_is_400(house: House) -> None:
    assert refusals(a_client(house.author).get(URL, {"page": "-1"}), 400) == [("unknown_parameter", "page")]


def test_input_23_a_tampered_cursor_is_400(house: House) -> None:
    some_messages(house, 3)
    client = a_client(house.author)
    cursor = client.get(URL, {"page_size": 1}).json()["next"].partition("cursor=")[2].partition("&")[0]
    for tampered in ("", "x", cursor[:-1], "A" + cursor, "cD0x", "é", "x" * 10_000):
        assert refusals(client.get(URL, {"cursor": tampered}), 400) == [("invalid", "cursor")]


def test_input_23_a_cursor_of_another_list_is_400(house: House) -> None:
    client = a_client(house.author)
    following = client.get("/api/v1/channels", {"page_size": 1}).json()["next"]
    assert refusals(client.get(following.replace("channels", "messages")), 400) == [("invalid", "cursor")]


@pytest.mark.parametrize("name", ["author", "ordering", "sort", "title", "status__in", "Status", "unit_id", "format"])
def test_input_24_a_parameter_that_is_not_listed_is_400(house: House, name: str) -> None:
    assert refusals(a_client(house.author).get(URL, {name: "1"}), 400) == [("unknown_parameter", name)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "gone"),
        ("status", "draft\x00"),
        ("type", "pigeon"),
        ("type", "\x00"),
        ("urgency", "GENERAL"),
        ("unit", "x"),
        ("unit", "9" * 30),
        ("unit", "-1"),
    ],
)
def test_input_24_a_value_that_is_none_is_400(house: House, name: str, value: str) -> None:
    assert [attr for _code, attr in refusals(a_client(house.author).get(URL, {name: value}), 400)] == [name]


def test_input_24_a_foreign_unit_is_as_unknown_as_none(house: House) -> None:
    answers = [a_client(house.author).get(URL, {"unit": unit}) for unit in (house.other.pk, 10**9)]
    assert [refusals(answer, 400) for answer in answers] == [[("invalid_choice", "unit")]] * 2


def test_input_24_the_same_parameter_twice_is_400(house: House) -> None:
    response = a_client(house.author).get(f"{URL}?status=draft&status=published")
    assert refusals(response, 400) == [("duplicate_parameter", "status")]
