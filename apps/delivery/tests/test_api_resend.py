"""POST /messages/{id}/deliveries/{delivery}/resend."""

from typing import Any

import pytest

from apps.accounts.tests.factories import a_client
from apps.core.tests.api import refusals
from apps.delivery.models import Delivery
from apps.delivery.tests.factories import a_delivery, a_recipient
from apps.messaging.models import Message
from apps.messaging.tests.bodies import URL
from apps.messaging.tests.factories import House, a_published_message


@pytest.fixture
def row(house: House, jobs_outbox: list) -> Delivery:
    message = a_published_message(house.author, house.department, to=house.room, channels=("sms",))
    return a_delivery(a_recipient(message, house.reader.person), "sms", status="unknown", reason="timeout")


def resend(user: object, row: Delivery, *, message_id: int | None = None, **options: Any) -> Any:
    message_id = message_id or row.message_channel.message_id
    return a_client(user).post(f"{URL}/{message_id}/deliveries/{row.pk}/resend", **options)


def test_a_colleague_may_a_stranger_and_a_reader_may_not(house: House, row: Delivery) -> None:
    for who in (house.stranger, house.reader):
        assert refusals(resend(who, row), 404) == [("not_found", None)]
    answer = resend(house.colleague, row)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["reason"], shown["maybe_duplicate"]) == ("waiting", "resent", True)
    assert refusals(resend(house.colleague, row), 409) == [("conflict", None)]


def test_the_same_request_again_is_one(house: House, row: Delivery) -> None:
    headers = {"Idempotency-Key": "again"}
    assert resend(house.author, row, headers=headers).json() == resend(house.author, row, headers=headers).json()


def test_a_delivery_of_another_message_is_404(house: House, row: Delivery) -> None:
    other = a_published_message(house.author, house.department, to=house.room)
    assert refusals(resend(house.author, row, message_id=other.pk), 404) == [("not_found", None)]
    assert Delivery.objects.get().status == "unknown"


def test_of_a_recalled_message_is_409(house: House, row: Delivery) -> None:
    Message.objects.update(status="recalled")
    assert refusals(resend(house.author, row), 409) == [("conflict", None)]
