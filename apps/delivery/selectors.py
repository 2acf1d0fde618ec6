"""Reading the ledger."""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from apps.delivery.models import Delivery
from apps.delivery.states import OPEN, SETTLED, Status
from apps.messaging.models import Message, MessageChannel


@dataclass(frozen=True, slots=True)
class ReasonCount:
    status: Status
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ChannelProgress:
    """`counts` holds every status that occurs, and sums to `total`; `settled` of them owe nothing any more."""

    key: str
    title: str
    total: int
    settled: int
    counts: dict[str, int]
    reasons: tuple[ReasonCount, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a message is. Complete once fan-out is through and no delivery is open."""

    audience: int
    read: int
    complete: bool
    channels: tuple[ChannelProgress, ...]


def progress(message: Message) -> Progress:
    """Counted from the rows themselves (one covering index), so it can never drift from the truth."""
    message_channels = list(message.message_channels.select_related("channel"))
    counted = _count([row.pk for row in message_channels])
    channels = tuple(_channel_progress(row, counted[row.pk]) for row in message_channels)
    return Progress(
        audience=message.audience_size,
        read=message.recipients.filter(read_at__isnull=False).count(),
        complete=message.ended_at is not None and all(one.settled == one.total for one in channels),
        channels=channels,
    )


def deliveries(message: Message) -> QuerySet[Delivery]:
    return Delivery.objects.filter(message_channel__message=message).select_related(
        "message_channel__channel", "recipient__person"
    )


def _count(message_channel_ids: list[int]) -> dict[int, list[ReasonCount]]:
    rows = (
        Delivery.objects.filter(message_channel__in=message_channel_ids)
        .values_list("message_channel", "status", "reason")
        .order_by("message_channel", "status", "reason")
        .annotate(count=Count("*"))
    )
    counted = defaultdict(list)
    for message_channel, status, reason, count in rows:
        counted[message_channel].append(ReasonCount(Status(status), reason, count))
    return counted


def _channel_progress(row: MessageChannel, counted: list[ReasonCount]) -> ChannelProgress:
    if not row.channel.delivers:
        counted = [ReasonCount(Status.DELIVERED, "", row.delivered)] if row.delivered else []
    counts: dict[str, int] = defaultdict(int)
    for one in counted:
        counts[str(one.status)] += one.count
    return ChannelProgress(
        key=row.channel.key,
        title=str(row.channel),
        total=sum(counts.values()),
        settled=sum(one.count for one in counted if one.status in SETTLED),
        counts=dict(counts),
        reasons=tuple(one for one in counted if one.reason),
    )


def open_deliveries(message: Message) -> QuerySet[Delivery]:
    return deliveries(message).filter(status__in=OPEN)
