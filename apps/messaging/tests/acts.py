"""What the tests of every verb ask: who did what, and what has been rung."""

from datetime import datetime, timedelta

from django.utils import timezone

from apps.audit.models import Entry
from apps.messaging.models import AudienceRow, AudienceRule, Message, MessageChannel
from apps.messaging.states import Status


def soon(seconds: float = 3600) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def audited(verb: str) -> list[tuple[str, str]]:
    """(who, id of the message) of every entry of this verb."""
    return list(Entry.objects.filter(verb=verb).order_by("pk").values_list("actor_name", "object_id"))


def stored() -> tuple[int, ...]:
    """How much there is of everything a verb may write."""
    return tuple(model.objects.count() for model in (Message, MessageChannel, AudienceRule, AudienceRow, Entry))


def put(message: Message, status: Status, **fields: object) -> Message:
    """Bring it into a state without going there."""
    Message.objects.filter(pk=message.pk).update(status=status, **fields)
    message.refresh_from_db()
    return message


def status_of(message: Message) -> Status:
    return Status(Message.objects.values_list("status", flat=True).get(pk=message.pk))
