"""Fan-out: a slice of the audience becomes recipients and deliveries."""

from collections import Counter

from django.db.models import Exists, F, Max, Min, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Now

from apps.core.db import insert_select
from apps.delivery.models import Delivery, Recipient, Suppression
from apps.delivery.services import updates
from apps.delivery.states import Status
from apps.directory.models import ContactPoint
from apps.messaging import audience
from apps.messaging.models import Message, MessageChannel


def freeze(message: Message, *, after: int, up_to: int) -> int:
    """Freeze the people with `after < id <= up_to` as recipients, with a delivery per channel. Returns how many.

    Runs inside the transaction that moves the message's cursor: both happen or neither.
    """
    people = audience.people(message, after=after, up_to=up_to)
    columns = {"message": Value(message.pk), "person": F("pk"), "created_at": Now()}
    # The join costs more than all the rest, so only where somebody has uploaded something.
    if message.audience_rows.exists():
        people, columns["values"] = audience.with_values(people, message), F("row__values")
    added = insert_select(Recipient, list(columns), people.values_list(*columns.values()))
    frozen = Recipient.objects.filter(message=message, person__gt=after, person__lte=up_to).order_by("person")
    for message_channel in message.message_channels.select_related("channel") if added else ():
        if message_channel.channel.delivers:
            _freeze_channel(message_channel, frozen)
        else:
            updates.count(message_channel.pk, Counter(total=added, delivered=added))
    return added


def _freeze_channel(message_channel: MessageChannel, recipients: QuerySet[Recipient]) -> None:
    """Insert the slice's deliveries as queued, then end those that must not go out, before anybody can see them.

    One CASE inside the INSERT would do it in one statement, but would look up the address seven times.
    """
    kind = message_channel.channel.address_kind
    first_address = ContactPoint.objects.filter(person=OuterRef("person"), kind=kind).order_by("pk").values("value")[:1]
    columns = {
        "message_channel": Value(message_channel.pk),
        "recipient": F("pk"),
        "status": Value(Status.QUEUED.value),
        "reason": Value(""),
        "address": Coalesce(Subquery(first_address), Value("")),
        "attempt": Value(0),
        "lease": Value(""),
        "maybe_duplicate": Value(False),
        "updated_at": Now(),
    }
    total = insert_select(Delivery, list(columns), recipients.values_list(*columns.values()))
    ids = recipients.order_by().aggregate(first=Min("pk"), last=Max("pk"))
    born = Delivery.objects.filter(
        message_channel=message_channel, recipient__gte=ids["first"], recipient__lte=ids["last"]
    )
    suppressed = updates.end(born.filter(address=""), Status.SUPPRESSED, "no_address")
    listed = Suppression.objects.filter(kind=kind, value=OuterRef("address"))
    reason = Subquery(listed.order_by("reason").values("reason")[:1])
    suppressed += updates.end(born.filter(Exists(listed), status=Status.QUEUED), Status.SUPPRESSED, reason)
    updates.count(message_channel.pk, Counter(total=total, suppressed=suppressed))
    updates.wake(MessageChannel.objects.filter(pk=message_channel.pk))
