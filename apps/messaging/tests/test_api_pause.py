"""POST /messages/{id}/pause and …/resume."""

from typing import Any

import pytest

from apps.accounts.tests.factories import a_client
from apps.core import jobs
from apps.core.tests.api import refusals
from apps.messaging.models import Message
from apps.messaging.tests.bodies import URL
from apps.messaging.tests.factories import House, a_published_message


@pytest.fixture
def message(house: House, jobs_outbox: list) -> Message:
    return a_published_message(house.author, house.department, to=house.room, channels=("inbox", "sms"))


def do(user: object, message: Message, verb: str, body: Any = None) -> Any:
    return a_client(user).post(f"{URL}/{message.pk}/{verb}", body)


def test_a_colleague_pauses_and_resumes_a_stranger_and_a_reader_do_not(
    house: House, message: Message, jobs_outbox: list, django_capture_on_commit_callbacks: Any
) -> None:
    for verb, paused in (("pause", True), ("resume", False)):
        for who in (house.stranger, house.reader):
            assert refusals(do(who, message, verb), 404) == [("not_found", None)]
        assert Message.objects.get().paused != paused
        with django_capture_on_commit_callbacks(execute=True):
            response = do(house.colleague, message, verb)
        assert (response.status_code, response.json()["paused"]) == (200, paused)
        assert refusals(do(house.colleague, message, verb), 409) == [("conflict", None)]
        client = a_client(house.colleague)
        assert client.get(f"{URL}/{message.pk}/progress").json()["paused"] == paused
        assert client.get(URL).json()["results"][0]["paused"] == paused
    assert (jobs.RING, (message.message_channels.get(channel__key="sms").pk,), jobs.FAN_OUT_LANE) in jobs_outbox


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_input_09_a_body_is_400_as_the_verb_takes_none(house: House, message: Message, verb: str) -> None:
    assert refusals(do(house.author, message, verb, {"reason": "x"}), 400) == [("unknown_field", "reason")]
    assert not Message.objects.get().paused
