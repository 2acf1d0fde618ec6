"""Rows of the ledger for tests, without a fan-out."""

from django.utils import timezone

from apps.delivery.models import Delivery, Recipient
from apps.delivery.states import Status
from apps.directory.models import Person
from apps.messaging.models import Message


def a_recipient(message: Message, person: Person, **fields: object) -> Recipient:
    return Recipient.objects.create(message=message, person=person, **{"created_at": timezone.now(), **fields})


def a_delivery(recipient: Recipient, channel: str, *, status: str = Status.QUEUED, **fields: object) -> Delivery:
    row = recipient.message.message_channels.get(channel__key=channel)
    fields = {"updated_at": timezone.now(), **fields}
    return Delivery.objects.create(message_channel=row, recipient=recipient, status=status, **fields)
