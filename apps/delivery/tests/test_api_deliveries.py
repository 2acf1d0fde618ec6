"""GET /messages/{id}/deliveries and /progress."""

from typing import Any

import pytest

from apps.accounts.tests.factories import a_client
from apps.core.tests.api import refusals
from apps.delivery.models import Delivery
from apps.delivery.states import Status
from apps.delivery.tests.factories import a_delivery, a_recipient
from apps.directory.tests.factories import a_person
from apps.messaging.models import Message
from apps.messaging.tests.factories import House, a_message


@pytest.fixture
def message(house: House) -> Message:
    """Two recipients, by e-mail and SMS; the second has no mobile number."""
    message = a_message(house.author, house.department, to=house.room, channels=("inbox", "email", "sms"))
    message.audience_size = 2
    message.save()
    message.message_channels.filter(channel__key="inbox").update(total=2, delivered=2)
    for serial in range(2):
        recipient = a_recipient(message, a_person(house.room, number=f"n{serial}", name=f"张{serial}"))
        a_delivery(recipient, "email", status=Status.ACCEPTED, attempt=1, address="zhang@example.com")
        if serial:
            a_delivery(recipient, "sms", status=Status.SUPPRESSED, reason="no_address")
        else:
            a_delivery(recipient, "sms", status=Status.QUEUED, address="+8613812340000")
    return message


def get(user: object, message: Message, path: str, **parameters: Any) -> Any:
    return a_client(user).get(f"/api/v1/messages/{message.pk}/{path}", parameters, headers={"Accept-Language": "en"})


def test_every_delivery_is_listed_with_a_masked_address_and_its_reason_in_words(house: House, message: Message) -> None:
    response = get(house.author, message, "deliveries")
    assert response.status_code == 200
    rows = {(row["recipient"]["number"], row["channel"]): row for row in response.json()["results"]}
    assert len(rows) == Delivery.objects.count() == 4
    suppressed, queued = rows["n1", "sms"], rows["n0", "sms"]
    assert suppressed["recipient"] == {"name": "张1", "number": "n1"}
    assert (suppressed["status"], suppressed["reason"]) == ("suppressed", "no_address")
    assert suppressed["reason_text"] == "The person has no address for this channel."
    assert (queued["address"], queued["reason_text"], queued["attempt"]) == ("138****0000", "", 0)
    assert rows["n0", "email"]["address"] == "z***@example.com"
    assert b"zhang@" not in response.content


def test_deliveries_are_filtered_and_paged(house: House, message: Message) -> None:
    def found(**parameters: Any) -> list[int]:
        return [row["id"] for row in get(house.author, message, "deliveries", **parameters).json()["results"]]

    everything = found()
    assert everything == sorted(everything, reverse=True)
    assert len(found(channel="sms")) == len(found(status="accepted")) == 2
    assert len(found(channel="sms", status="suppressed")) == 1
    assert found(channel="inbox") == []
    first = get(house.author, message, "deliveries", channel="email", page_size=1).json()
    second = a_client(house.author).get(first["next"]).json()
    assert [row["id"] for page in (first, second) for row in page["results"]] == found(channel="email")


@pytest.mark.parametrize(
    ("name", "value"), [("status", "sent"), ("channel", "pigeon"), ("recipient", "n0"), ("reason", "x")]
)
def test_input_24_an_unlisted_filter_or_value_is_400(house: House, message: Message, name: str, value: str) -> None:
    refused = refusals(get(house.author, message, "deliveries", **{name: value}), 400)
    assert [attr for _code, attr in refused] == [name]


def test_progress_counts_sum_to_the_audience(house: House, message: Message) -> None:
    body = get(house.author, message, "progress").json()
    assert (body["audience"], body["read"], body["complete"]) == (2, 0, False)
    channels = {one["key"]: one for one in body["channels"]}
    assert {key: one["counts"] for key, one in channels.items()} == {
        "inbox": {"delivered": 2},
        "email": {"accepted": 2},
        "sms": {"queued": 1, "suppressed": 1},
    }
    assert all(sum(one["counts"].values()) == one["total"] == 2 for one in channels.values())
    assert (channels["sms"]["title"], channels["sms"]["settled"]) == ("SMS", 1)
    text = "The person has no address for this channel."
    reason = {"status": "suppressed", "reason": "no_address", "text": text, "count": 1}
    assert channels["sms"]["reasons"] == [reason]


@pytest.mark.parametrize("path", ["deliveries", "progress"])
def test_a_colleague_may_look_a_stranger_and_a_reader_get_404(house: House, message: Message, path: str) -> None:
    assert get(house.colleague, message, path).status_code == 200
    for who in (house.stranger, house.reader):
        assert refusals(get(who, message, path), 404) == [("not_found", None)]


@pytest.mark.parametrize("path", ["deliveries", "progress"])
def test_input_61_what_became_of_a_foreign_message_is_not_there(house: House, message: Message, path: str) -> None:
    """An export of it would begin here; there is none yet."""
    assert get(house.colleague, message, path).status_code == 200
    foreign, never = get(house.stranger, message, path), get(house.stranger, Message(pk=2**40), path)
    assert refusals(foreign, 404) == [("not_found", None)]
    assert foreign.content == never.content
