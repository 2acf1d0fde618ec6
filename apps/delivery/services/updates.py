"""What the verbs have in common: rows that end, wait in line anew or are counted."""

from collections import Counter
from collections.abc import Mapping, Sequence

from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Least, Now

from apps.delivery.models import Delivery
from apps.delivery.states import Status
from apps.messaging.models import MessageChannel


def end(rows: QuerySet[Delivery], status: Status, reason: str | Subquery) -> int:
    return rows.update(status=status, reason=reason, lease="", due_at=None, updated_at=Now())


def back_in_line(rows: QuerySet[Delivery], ids: Mapping[int, Sequence[int]]) -> int:
    """The rows are queued again; `ids` names them by message channel, so that its chains go back and ring for them."""
    changed = rows.update(status=Status.QUEUED, reason="", lease="", due_at=None, updated_at=Now())
    if changed:
        for message_channel_id, some in ids.items():
            wake(MessageChannel.objects.filter(pk=message_channel_id), rung_to=Least(F("rung_to"), min(some) - 1))
    return changed


def wake(message_channels: QuerySet[MessageChannel], **changes: object) -> None:
    """There are rows to be rung for: should nobody live to do it, `ring_again` will."""
    message_channels.update(ring_at=Coalesce(F("ring_at"), Now()), **changes)


def count(message_channel_id: int, by: Counter[str]) -> None:
    """Move the counters of a message channel, in the transaction that moves its rows."""
    moved = {name: F(name) + number for name, number in by.items() if number}
    if moved:
        MessageChannel.objects.filter(pk=message_channel_id).update(**moved, moved_at=Now())


def among(delivery_ids: Sequence[int]) -> Q:
    """The rows with these ids. A run without gaps goes as a range: a list of hundreds costs more than the UPDATE."""
    if not delivery_ids:
        return Q(pk__in=())
    first, last = min(delivery_ids), max(delivery_ids)
    if last - first + 1 == len(delivery_ids):
        return Q(pk__gte=first, pk__lte=last)
    return Q(pk__in=delivery_ids)
