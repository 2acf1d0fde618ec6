"""POST /audience/preview and GET /messages/{id}/audience: counts, reasons and names, never an address."""

from typing import Any

import pytest

from apps.accounts.tests.factories import a_client, an_author
from apps.channels.models import Channel
from apps.core.tests.api import refusals
from apps.delivery.models import Suppression
from apps.delivery.tests.factories import a_recipient
from apps.directory.models import OrgUnit, Person
from apps.directory.tests.factories import a_class, a_guardian, a_person, a_unit
from apps.messaging.models import AudienceRow, AudienceRule, Message
from apps.messaging.tests.acts import put
from apps.messaging.tests.factories import House, a_message

URL = "/api/v1/audience/preview"


@pytest.fixture
def people(house: House) -> list[Person]:
    """Four of the class and a guardian: with an address, without one, opted out, dead."""
    fine = a_person(house.room, name="fine", email="fine@stu.school.example", mobile="+8619900000001")
    out = a_person(house.room, name="out", email="out@stu.school.example")
    dead = a_person(house.room, name="dead", email="dead@stu.school.example")
    Suppression.objects.create(kind="email", value="out@stu.school.example", reason="opted_out")
    Suppression.objects.create(kind="email", value="dead@stu.school.example", reason="dead_address")
    return [house.reader.person, fine, out, dead, a_guardian(fine, name="guardian")]


def asked(house: House, **body: Any) -> Any:
    audience = {"include": [{"unit": house.room.pk, "reach": "both"}]}
    return a_client(house.author).post(URL, {"audience": audience, **body})


def test_it_says_how_many_of_which_unit_over_which_channel_and_why_not(house: House, people: list[Person]) -> None:
    said = asked(house, channels=["inbox", "email", "sms"]).json()
    inbox, email, sms = said["channels"]
    assert (said["count"], said["frozen"], said["without_unit"]) == (5, False, 1)
    assert said["units"] == [{"id": house.room.pk, "name": house.room.name, "count": 4}]
    assert set(said["sample"]) == {person.name for person in people}
    assert (inbox["key"], inbox["reachable"], inbox["unreachable"]) == ("inbox", 5, [])
    assert email["reachable"] == 1
    assert {one["reason"]: one["count"] for one in email["unreachable"]} == {
        "no_address": 2,
        "opted_out": 1,
        "dead_address": 1,
    }
    assert all(one["text"] and one["text"] != one["reason"] for one in email["unreachable"])
    assert (sms["reachable"], [one["count"] for one in sms["unreachable"]]) == (1, [4])


def test_no_address_is_ever_in_it(house: House, people: list[Person]) -> None:
    for text in (asked(house).content.decode(), audience_of(house).content.decode()):
        assert "@" not in text
        assert "1990000" not in text
        assert "•" not in text


def audience_of(house: House) -> Any:
    message = a_message(house.author, house.department, to=house.room, channels=("inbox", "email", "sms"))
    return a_client(house.author).get(f"/api/v1/messages/{message.pk}/audience")


def test_without_channels_it_speaks_of_all_that_are_switched_on(house: House, people: list[Person]) -> None:
    Channel.objects.filter(key="push").update(enabled=False)
    assert [one["key"] for one in asked(house).json()["channels"]] == list(
        Channel.objects.exclude(key="push").values_list("key", flat=True)
    )


def test_nothing_is_stored(house: House, people: list[Person]) -> None:
    rows = [{"number": people[0].number, "values": {"room": "1"}}]
    said = asked(house, audience={"rows": rows}).json()
    assert (said["count"], said["sample"]) == (1, [people[0].name])
    for model in (Message, AudienceRule, AudienceRow):
        assert not model.objects.exists()


def test_an_audience_of_nobody_is_counted_as_such(house: House) -> None:
    said = asked(house, audience={"include": [{"unit": house.room.pk, "cohort": 1999}]}).json()
    assert (said["count"], said["units"], said["sample"], said["without_unit"]) == (0, [], [], 0)
    assert all(one["reachable"] == 0 and one["unreachable"] == [] for one in said["channels"])


def test_the_sample_is_ten_from_all_over_and_stays_the_same(house: House) -> None:
    for number in range(200):
        a_person(house.room, name=f"p{number:03}")
    first, second = (asked(house).json()["sample"] for _ in range(2))
    assert first == second
    assert len(set(first)) == 10
    assert first[-1] > "p150"


def test_who_may_write_asks_a_colleague_too_and_neither_a_reader_nor_a_stranger_of_another_college(
    house: House,
) -> None:
    stranger = an_author(a_class(a_unit(kind=OrgUnit.Kind.COLLEGE, parent=house.school)))
    body = {"audience": {"include": [{"unit": house.room.pk}]}}
    answers = [a_client(who).post(URL, body) for who in (house.author, house.colleague)]
    assert [one.json()["count"] for one in answers] == [1, 1]
    assert refusals(a_client(stranger).post(URL, body), 404) == [("not_found", "audience")]
    assert refusals(a_client(house.reader).post(URL, body), 403) == [("permission_denied", None)]


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({}, "required", "audience"),
        ({"audience": {}}, "no_recipients", "audience"),
        ({"audience": {"include": [{}]}}, "one_of", "audience.include.0.non_field_errors"),
        ({"audience": {"include": [{"unit": 1}]}, "channels": ["pigeon"]}, "does_not_exist", "channels"),
        ({"audience": {"include": [{"unit": 1}]}, "title": "x"}, "unknown_field", "title"),
    ],
)
def test_a_body_that_makes_no_sense_is_400(house: House, body: dict[str, Any], code: str, attr: str) -> None:
    assert (code, attr) in refusals(a_client(house.author).post(URL, body), 400)


def test_the_audience_of_a_message_is_for_those_who_see_it(house: House, people: list[Person]) -> None:
    said = audience_of(house).json()
    assert (said["count"], [one["key"] for one in said["channels"]]) == (4, ["inbox", "email", "sms"])
    url = f"/api/v1/messages/{Message.objects.get().pk}/audience"
    assert a_client(house.colleague).get(url).json() == said
    for who in (house.stranger, house.reader):
        assert refusals(a_client(who).get(url), 404) == [("not_found", None)]


def test_once_it_is_out_the_audience_is_the_frozen_one(house: House, people: list[Person]) -> None:
    message = a_message(house.author, house.department, to=house.room)
    a_recipient(message, people[0])
    put(message, "published")
    said = a_client(house.author).get(f"/api/v1/messages/{message.pk}/audience").json()
    assert (said["frozen"], said["count"], said["sample"]) == (True, 1, [people[0].name])
