"""The inbox of the campus app."""

from typing import Any

import pytest

from apps.accounts.tests.factories import a_client, a_user
from apps.core.tests.api import refusals
from apps.delivery.models import Recipient
from apps.delivery.tests.factories import a_recipient
from apps.directory.tests.factories import a_person
from apps.messaging import services
from apps.messaging.drafts import Rule
from apps.messaging.models import Message
from apps.messaging.states import Status
from apps.messaging.tests.factories import House, a_draft

URL = "/api/v1/inbox"


@pytest.fixture
def message(house: House) -> Message:
    rows = {house.reader.person.pk: {"room": "A1"}}
    draft = a_draft(
        house.department, title="Exam of ((name))", content="((room)) ((seat))", rules=(Rule(uploaded=True),), rows=rows
    )
    rows[house.reader.person.pk]["seat"] = "7"
    return services.create(draft, by=house.author)


@pytest.fixture
def entry(house: House, message: Message) -> Recipient:
    return a_recipient(message, house.reader.person, values={"room": "A1"})


def get(user: object, path: str = "", **parameters: Any) -> Any:
    return a_client(user).get(f"{URL}{path}", parameters)


def ids(response: Any) -> list[int]:
    return [row["id"] for row in response.json()["results"]]


def test_opening_an_entry_shows_the_readers_own_values_and_marks_it_as_read(house: House, entry: Recipient) -> None:
    assert get(house.reader, "/unread-count").json() == {"unread": 1}
    listed = get(house.reader).json()["results"][0]
    assert listed["title"] == f"Exam of {house.reader.person.name}"
    assert listed["sender"] == house.department.name
    assert listed["read_at"] is None
    shown = get(house.reader, f"/{entry.pk}").json()
    assert (shown["title"], shown["body"]) == (listed["title"], "A1 ((seat))")
    assert shown["read_at"]
    assert get(house.reader, f"/{entry.pk}").json()["read_at"] == shown["read_at"]
    assert get(house.reader, "/unread-count").json() == {"unread": 0}


def test_the_list_is_newest_first_and_narrows_down_to_what_is_unread(house: House, message: Message) -> None:
    others = [services.create(a_draft(house.department, to=house.room), by=house.author) for _ in range(2)]
    found = [a_recipient(one, house.reader.person).pk for one in (message, *others)][::-1]
    get(house.reader, f"/{found[0]}")
    assert ids(get(house.reader)) == found
    assert ids(get(house.reader, unread="true")) == found[1:]
    assert ids(get(house.reader, unread="false")) == found[:1]
    first = get(house.reader, unread="true", page_size=1).json()
    assert ids(a_client(house.reader).get(first["next"])) == found[2:]


def test_what_was_recalled_is_gone(house: House, message: Message, entry: Recipient) -> None:
    Message.objects.update(status=Status.RECALLED)
    assert ids(get(house.reader)) == []
    assert refusals(get(house.reader, f"/{entry.pk}"), 404) == [("not_found", None)]


def test_input_58_the_entry_of_somebody_else_is_404_and_stays_unread(house: House, entry: Recipient) -> None:
    neighbour = a_user(person=a_person(house.room))
    assert refusals(get(neighbour, f"/{entry.pk}"), 404) == [("not_found", None)]
    assert ids(get(neighbour)) == []
    entry.refresh_from_db()
    assert entry.read_at is None


@pytest.mark.parametrize("path", ["", "/1", "/unread-count"])
def test_a_login_of_nobody_in_the_directory_has_no_inbox(house: House, path: str) -> None:
    assert refusals(get(house.author, path), 403) == [("no_person", None)]


@pytest.mark.parametrize(
    ("name", "value", "code"), [("read", "1", "unknown_parameter"), ("starred", "true", "unknown_parameter")]
)
def test_input_24_an_unlisted_filter_is_400(house: House, name: str, value: str, code: str) -> None:
    assert refusals(get(house.reader, **{name: value}), 400) == [(code, name)]
