"""Bodies of requests, and what must not be left of a refused one."""

from typing import Any

from apps.accounts.models import User
from apps.accounts.tests.factories import a_client
from apps.audit.models import Entry
from apps.core.tests.api import refusals
from apps.messaging.models import AudienceRow, AudienceRule, IdempotencyKey, Message, MessageChannel
from apps.messaging.tests.factories import House

URL = "/api/v1/messages"


def a_body(house: House, **changes: Any) -> dict[str, Any]:
    """What POST takes, with `changes`; a change to `...` leaves the field out."""
    body = {
        "title": "Water off",
        "content": "No water on Friday.",
        "type": "notice",
        "channels": ["inbox"],
        "audience": {"include": [{"unit": house.room.pk}]},
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def post(user: User, body: dict[str, Any], **headers: str) -> Any:
    return a_client(user).post(URL, body, headers=headers or None)


def assert_refused(user: User, body: dict[str, Any], *, status: int = 400, code: str, attr: str | None) -> None:
    """POST answers so, and stores nothing."""
    assert (code, attr) in refusals(post(user, body), status)
    assert_nothing_stored()


def assert_nothing_stored() -> None:
    for model in (Message, MessageChannel, AudienceRule, AudienceRow, IdempotencyKey):
        assert not model.objects.exists(), model
    assert not Entry.objects.filter(object_type="messaging.message").exists()
