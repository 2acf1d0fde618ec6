"""/segments, and segments in the audience of a message."""

from typing import Any

import pytest

from apps.accounts.tests.factories import a_client, an_administrator
from apps.core.tests.api import refusals
from apps.directory.models import Segment
from apps.directory.tests.factories import a_person
from apps.messaging import segments, services
from apps.messaging.models import Message
from apps.messaging.tests.acts import put
from apps.messaging.tests.bodies import a_body, post
from apps.messaging.tests.factories import House

URL = "/api/v1/segments"


def a_segment_body(house: House, **changes: Any) -> dict[str, Any]:
    body = {"name": "2024级", "include": [{"unit": house.room.pk, "kind": "student"}]}
    return {name: value for name, value in (body | changes).items() if value is not ...}


def saved(house: House, **changes: Any) -> dict[str, Any]:
    response = a_client(house.author).post(URL, a_segment_body(house, **changes))
    assert response.status_code == 201, response.content
    return response.json()


def test_a_segment_is_stored_as_it_is_shown(house: House) -> None:
    person = {"person": house.reader.person.number, "reach": "both"}
    narrowed = {"unit": house.room.pk, "reach": "self", "cohort": 2024, "kind": "student"}
    narrowed |= {"minors": True, "state": "active"}
    shown = saved(house, include=[narrowed, person], exclude=[{**person, "reach": "self"}])
    assert shown["unit"] == house.department.pk
    assert shown["include"] == [narrowed, person]
    assert shown["exclude"] == [{**person, "reach": "self"}]
    client = a_client(house.author)
    assert client.get(shown["url"]).json() == shown
    assert client.get(URL).json()["results"] == [shown]


def test_a_colleague_uses_it_and_for_a_stranger_and_a_reader_it_is_not_there(house: House) -> None:
    shown = saved(house)
    assert a_client(house.colleague).patch(shown["url"], {"name": "2025级"}).json()["name"] == "2025级"
    body = a_body(house, audience={"include": [{"segment": shown["id"]}]})
    assert post(house.colleague, body).status_code == 201
    for who in (house.stranger, house.reader):
        client = a_client(who)
        for method in ("get", "delete"):
            assert refusals(getattr(client, method)(shown["url"]), 404) == [("not_found", None)]
        assert refusals(client.patch(shown["url"], {"name": "x"}), 404) == [("not_found", None)]
        assert client.get(URL).json()["results"] == []
    assert refusals(a_client(house.reader).post(URL, a_segment_body(house)), 403) == [("permission_denied", None)]
    assert Segment.objects.get().name == "2025级"


def test_input_14_a_foreign_segment_in_an_audience_is_404_as_one_that_never_was(house: House) -> None:
    foreign = saved(house)["id"]
    for number in (foreign, 2**62):
        body = a_body(house, unit=house.other.pk, audience={"include": [{"segment": number}]})
        assert refusals(post(house.stranger, body), 404) == [("not_found", "audience")]
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"name": ...}, "required", "name"),
        ({"name": " "}, "blank", "name"),
        ({"name": "x" * 101}, "max_length", "name"),
        ({"name": "two\nlines"}, "invalid", "name"),
        ({"include": ...}, "required", "include"),
        ({"include": []}, "no_recipients", "audience"),
        ({"include": [{}]}, "one_of", "include.0.non_field_errors"),
        ({"include": [{"uploaded": True}]}, "unknown_field", "include.0.uploaded"),
        ({"include": [{"segment": 1}]}, "unknown_field", "include.0.segment"),
        ({"include": [{"unit": 1, "state": "left"}]}, "invalid_choice", "include.0.state"),
        ({"include": [{"unit": 1, "cohort": "2024"}]}, "invalid", "include.0.cohort"),
        ({"include": [{"unit": 1, "cohort": 24}]}, "min_value", "include.0.cohort"),
        ({"include": [{"unit": 1, "minors": "yes"}]}, "invalid", "include.0.minors"),
        ({"include": [{"person": "1", "cohort": 2024}]}, "kind", "include.0.non_field_errors"),
        ({"rules": []}, "unknown_field", "rules"),
    ],
)
def test_a_segment_that_makes_no_sense_is_400(house: House, change: dict[str, Any], code: str, attr: str) -> None:
    response = a_client(house.author).post(URL, a_segment_body(house, **change))
    assert (code, attr) in refusals(response, 400)
    assert not Segment.objects.exists()


def test_units_and_people_out_of_reach_are_404(house: House) -> None:
    for rule in ({"unit": house.other.pk}, {"unit": house.school.pk}, {"person": a_person(house.other).number}):
        response = a_client(house.author).post(URL, a_segment_body(house, include=[rule]))
        assert refusals(response, 404) == [("not_found", "audience")]


def test_a_name_taken_in_the_unit_is_400(house: House) -> None:
    saved(house)
    response = a_client(house.colleague).post(URL, a_segment_body(house))
    assert refusals(response, 400) == [("duplicate", "name")]


def test_posted_again_with_its_key_it_is_stored_once(house: House) -> None:
    client = a_client(house.author)
    answers = [client.post(URL, a_segment_body(house), headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert Segment.objects.count() == 1


def test_a_patch_of_the_name_keeps_the_rules_and_rules_replace_all_rules(house: House) -> None:
    shown = saved(house, exclude=[{"person": house.reader.person.number}])
    client = a_client(house.author)
    assert client.patch(shown["url"], {"name": "x"}).json() == shown | {"name": "x"}
    include = [{"unit": house.room.pk, "reach": "self"}]
    changed = client.patch(shown["url"], {"include": include}).json()
    assert (changed["include"], changed["exclude"]) == (include, [])


def test_while_a_message_needs_it_it_is_409_saying_which(house: House) -> None:
    shown = saved(house)
    made = post(house.author, a_body(house, title="停水", audience={"include": [{"segment": shown["id"]}]})).json()
    assert made["audience"]["include"] == [{"segment": shown["id"], "reach": "self"}]
    client = a_client(house.author)
    response = client.delete(shown["url"])
    assert refusals(response, 409) == [("conflict", None)]
    assert "停水" in response.json()["errors"][0]["detail"]
    put(Message.objects.get(), "scheduled")
    assert refusals(client.patch(shown["url"], {"name": "x"}), 409) == [("conflict", None)]
    put(Message.objects.get(), "finished")
    assert client.delete(shown["url"]).status_code == 204
    assert client.get(made["url"]).json()["audience"]["include"] == [{"segment": None, "reach": "self"}]


def test_one_that_was_widened_since_is_403_at_publish(house: House) -> None:
    shown = saved(house)
    made = post(house.author, a_body(house, audience={"include": [{"segment": shown["id"]}]})).json()
    head = an_administrator(house.school)
    segment = segments.get(head, shown["id"])
    whole = segments.of(segment).rules[0]
    plan = segments.Draft(name=segment.name, unit=segment.unit, rules=(type(whole)(unit=house.school), whole))
    segments.change(segment, plan, by=head)
    response = a_client(house.author).post(f"{made['url']}/publish")
    assert refusals(response, 403) == [("not_allowed", "audience")]
    services.publish(Message.objects.get(), by=head)
