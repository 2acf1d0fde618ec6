"""POST /messages/{id}/recall."""

from typing import Any

import pytest

from apps.accounts.tests.factories import a_client
from apps.audit.models import Entry
from apps.core import jobs
from apps.core.tests.api import refusals
from apps.messaging.models import Message
from apps.messaging.states import RECALLABLE, Status
from apps.messaging.tests.bodies import URL
from apps.messaging.tests.factories import House, a_published_message


@pytest.fixture
def message(house: House, jobs_outbox: list) -> Message:
    return a_published_message(house.author, house.department, to=house.room)


def recall(user: object, message: Message, body: Any = None) -> Any:
    return a_client(user).post(f"{URL}/{message.pk}/recall", body)


def test_a_colleague_may_a_stranger_and_a_reader_may_not(
    house: House, message: Message, jobs_outbox: list, django_capture_on_commit_callbacks: Any
) -> None:
    for who in (house.stranger, house.reader):
        assert refusals(recall(who, message), 404) == [("not_found", None)]
    assert Message.objects.get().status == Status.PUBLISHING
    with django_capture_on_commit_callbacks(execute=True):
        response = recall(house.colleague, message)
    assert (response.status_code, response.json()["status"]) == (200, Status.RECALLED)
    assert response.json()["ended_at"]
    assert jobs_outbox == [(jobs.CLOSE, (message.pk,), jobs.FAN_OUT_LANE)]
    assert Entry.objects.filter(verb="recall", actor_id=house.colleague.pk).count() == 1


@pytest.mark.parametrize("status", sorted(set(Status) - RECALLABLE))
def test_input_22_what_is_over_or_has_not_begun_is_409(house: House, message: Message, status: str) -> None:
    Message.objects.update(status=status)
    assert refusals(recall(house.author, message), 409) == [("conflict", None)]
    assert Message.objects.get().status == status


def test_input_09_a_body_is_400_as_the_verb_takes_none(house: House, message: Message) -> None:
    assert refusals(recall(house.author, message, {"reason": "x"}), 400) == [("unknown_field", "reason")]
    assert Message.objects.get().status == Status.PUBLISHING
