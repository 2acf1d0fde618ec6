"""PATCH /messages/{id}: a draft is changed field by field."""

from datetime import timedelta
from typing import Any

import pytest
from django.forms.models import model_to_dict
from django.utils import timezone

from apps.accounts.tests.factories import a_client, an_approver
from apps.audit.models import Entry
from apps.core.tests.api import refusals
from apps.directory.tests.factories import a_person
from apps.messaging import services
from apps.messaging.drafts import Rule
from apps.messaging.models import Message
from apps.messaging.tests.bodies import URL
from apps.messaging.tests.factories import House, a_draft, a_message


@pytest.fixture
def message(house: House) -> Message:
    return a_message(house.author, house.department, to=house.room, channels=("inbox", "sms"))


def patch(user: object, message: Message, body: Any) -> Any:
    return a_client(user).patch(f"{URL}/{message.pk}", body)


def everything(message: Message) -> dict[str, Any]:
    """The message as it is stored, with all that belongs to it."""
    stored = Message.objects.get(pk=message.pk)
    return model_to_dict(stored, exclude=["channels"]) | {
        "channels": sorted(stored.channels.values_list("key", flat=True)),
        "rules": list(stored.audience_rules.values_list("effect", "unit", "kind", "person", "uploaded", "reach")),
        "rows": list(stored.audience_rows.values_list("person", "values")),
    }


def test_what_the_body_leaves_out_stays(house: House, message: Message) -> None:
    before = everything(message)
    response = patch(house.author, message, {"title": "Water on 🚿"})
    assert (response.status_code, response.json()["title"]) == (200, "Water on 🚿")
    assert everything(message) == before | {"title": "Water on 🚿"}
    assert Entry.objects.filter(verb="change", object_id=str(message.pk)).count() == 1


def test_uploaded_people_stay_and_are_replaced_as_a_whole(house: House) -> None:
    first, second = a_person(house.room), a_person(house.room)
    rows = {first.pk: {"room": "A1"}}
    draft = a_draft(house.department, rules=(Rule(uploaded=True),), rows=rows, content="Room ((room))")
    message = services.create(draft, by=house.author)
    assert patch(house.author, message, {"title": "Exam"}).status_code == 200
    assert everything(message)["rows"] == [(first.pk, {"room": "A1"})]
    audience = {"rows": [{"number": second.number, "values": {"room": "B2"}}]}
    assert patch(house.author, message, {"audience": audience}).status_code == 200
    assert everything(message)["rows"] == [(second.pk, {"room": "B2"})]


def test_null_takes_a_time_away(house: House, message: Message) -> None:
    assert (
        patch(house.author, message, {"publish_time": (timezone.now() + timedelta(days=1)).isoformat()}).status_code
        == 200
    )
    assert patch(house.author, message, {"publish_time": None}).json()["publish_time"] is None


def test_a_colleague_may_a_stranger_a_reader_and_an_approver_may_not(house: House, message: Message) -> None:
    before = everything(message)
    body = {"title": "Mine"}
    for who in (house.stranger, house.reader):
        assert refusals(patch(who, message, body), 404) == [("not_found", None)]
    assert refusals(patch(an_approver(house.department), message, body), 403) == [("not_allowed", None)]
    assert everything(message) == before
    assert patch(house.colleague, message, body).status_code == 200


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"title": ""}, "title"),
        ({"content": "x" * 20_001}, "content"),
        ({"type": "pigeon"}, "type"),
        ({"channels": []}, "channels"),
        ({"audience": {"include": []}}, "audience"),
        ({"audience": None}, "audience"),
        ({"publish_time": "2027-01-05T08:00:00"}, "publish_time"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"status": "published"}, "status"),
        ({"author": 1}, "author"),
        ({"id": 7}, "id"),
    ],
)
def test_input_01_18_a_bad_change_is_400_and_changes_nothing(
    house: House, message: Message, body: dict[str, Any], attr: str
) -> None:
    before = everything(message)
    assert [found for _code, found in refusals(patch(house.author, message, body), 400)] == [attr]
    assert everything(message) == before


def test_input_14_moving_it_to_a_foreign_unit_is_404(house: House, message: Message) -> None:
    before = everything(message)
    assert refusals(patch(house.author, message, {"unit": house.other.pk}), 404) == [("not_found", "unit")]
    assert everything(message) == before


def test_input_21_editing_after_publish_is_409(house: House, message: Message, jobs_outbox: list) -> None:
    services.publish(message, by=house.author)
    before = everything(message)
    assert refusals(patch(house.author, message, {"title": "Other"}), 409) == [("conflict", None)]
    assert everything(message) == before
