"""POST /messages/{id}/publish."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.tests.factories import a_client, an_approver
from apps.audit.models import Entry
from apps.core import jobs
from apps.core.tests.api import refusals
from apps.messaging.models import Message, MessageType
from apps.messaging.states import Status
from apps.messaging.tests.bodies import URL
from apps.messaging.tests.factories import House, a_message


@pytest.fixture
def message(house: House) -> Message:
    return a_message(house.author, house.department, to=house.room)


def publish(user: object, message: Message, body: Any = None) -> Any:
    return a_client(user).post(f"{URL}/{message.pk}/publish", body)


def test_publishing_starts_the_fan_out(
    house: House, message: Message, jobs_outbox: list, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = publish(house.author, message)
    assert (response.status_code, response.json()["status"]) == (200, Status.PUBLISHING)
    assert response.json()["published_at"]
    assert jobs_outbox == [(jobs.FAN_OUT, (message.pk,), jobs.FAN_OUT_LANE)]
    assert Entry.objects.filter(verb="publish", object_id=str(message.pk), actor_id=house.author.pk).count() == 1


def test_a_publish_time_makes_it_wait(house: House, jobs_outbox: list, django_capture_on_commit_callbacks: Any) -> None:
    at = timezone.now() + timedelta(days=1)
    message = a_message(house.author, house.department, to=house.room, publish_at=at)
    with django_capture_on_commit_callbacks(execute=True):
        assert publish(house.author, message).json()["status"] == Status.SCHEDULED
    assert jobs_outbox == []


def test_a_colleague_may_a_stranger_and_a_reader_may_not(house: House, message: Message) -> None:
    for who in (house.stranger, house.reader):
        assert refusals(publish(who, message), 404) == [("not_found", None)]
    message.refresh_from_db()
    assert message.status == Status.DRAFT
    assert publish(house.colleague, message).status_code == 200


def test_what_needs_approval_is_published_by_an_approver_alone(house: House, message: Message) -> None:
    MessageType.objects.update(approval_needed=True)
    for who in (house.author, house.colleague):
        assert refusals(publish(who, message), 403) == [("not_allowed", None)]
    assert publish(an_approver(house.department), message).status_code == 200


def test_input_15_a_time_that_has_passed_meanwhile_is_400(house: House, message: Message) -> None:
    Message.objects.update(publish_at=timezone.now() - timedelta(seconds=1))
    assert refusals(publish(house.author, message), 400) == [("invalid", "publish_time")]
    assert Message.objects.get().status == Status.DRAFT


def test_input_20_publishing_twice_is_409(
    house: House, message: Message, jobs_outbox: list, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert publish(house.author, message).status_code == 200
        assert refusals(publish(house.colleague, message), 409) == [("conflict", None)]
    assert len(jobs_outbox) == 1


def test_input_09_a_body_is_400_as_the_verb_takes_none(house: House, message: Message) -> None:
    assert refusals(publish(house.author, message, {"now": True}), 400) == [("unknown_field", "now")]
    assert Message.objects.get().status == Status.DRAFT
