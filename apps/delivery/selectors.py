"""Reading the ledger."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from apps.core import installation
from apps.delivery.models import Attempt, Delivery, Lease, Suppression, placeholder_values
from apps.delivery.states import SETTLED, Status
from apps.directory.models import ContactPoint
from apps.messaging.models import Message, MessageChannel, Urgency
from apps.messaging.states import LIVE
from apps.messaging.states import Status as MessageStatus


@dataclass(frozen=True, slots=True)
class ReasonCount:
    status: Status
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ChannelProgress:
    """`counts` holds every status that occurs, and sums to `total`; `settled` of them owe nothing any more.
    `paused_reason` is empty unless the whole channel is paused.
    """

    key: str
    title: str
    paused_reason: str
    total: int
    settled: int
    counts: dict[str, int]
    reasons: tuple[ReasonCount, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a message is. Complete once fan-out is through and no delivery is open."""

    status: MessageStatus
    paused: bool
    sandboxed: bool
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
        status=MessageStatus(message.status),
        paused=message.paused,
        sandboxed=message.sandboxed,
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


def open_counts(message_channel_id: int) -> list[ReasonCount]:
    """Of the deliveries still open, how many by status and reason; from the index alone."""
    return [one for one in _count([message_channel_id])[message_channel_id] if one.status not in SETTLED]


def _channel_progress(row: MessageChannel, counted: list[ReasonCount]) -> ChannelProgress:
    if not row.channel.delivers:
        counted = [ReasonCount(Status.DELIVERED, "", row.delivered)] if row.delivered else []
    counts: dict[str, int] = defaultdict(int)
    for one in counted:
        counts[str(one.status)] += one.count
    return ChannelProgress(
        key=row.channel.key,
        title=str(row.channel),
        paused_reason=row.channel.paused_reason,
        total=sum(counts.values()),
        settled=sum(one.count for one in counted if one.status in SETTLED),
        counts=dict(counts),
        reasons=tuple(one for one in counted if one.reason),
    )


def message_channel(message_channel_id: int) -> MessageChannel:
    return MessageChannel.objects.select_related("message", "channel").get(pk=message_channel_id)


def delivering(message_id: int) -> list[int]:
    """Ids of the message channels that leave the house."""
    rows = MessageChannel.objects.filter(message=message_id).exclude(channel__address_kind="")
    return list(rows.values_list("pk", flat=True))


def may_send(message_channel_id: int) -> bool:
    """Whether the message is still to go out on this channel from here: see `_sendable`, and the database is this
    installation's own (cached, so that it costs no query of its own).
    """
    return installation.is_ours() and _sendable().filter(pk=message_channel_id).exists()


def _sendable() -> QuerySet[MessageChannel]:
    """Not recalled, expired or paused, and the channel neither off nor paused."""
    return MessageChannel.objects.filter(
        Q(message__expires_at=None) | Q(message__expires_at__gt=Now()),
        message__status__in=LIVE,
        message__paused_at=None,
        channel__enabled=True,
        channel__paused_reason="",
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as dispatch needs it. `values` are the personal ones, empty where the text asks for none."""

    pk: int
    attempt: int
    address: str
    account_id: int | None
    maybe_duplicate: bool
    person_id: int
    values: Mapping[str, str]


PLAIN = ("pk", "attempt", "address", "account", "maybe_duplicate", "recipient__person")
PERSONAL = ("recipient__person__name", "recipient__person__number", "recipient__values")


def queued(message_channel_id: int, first_id: int, last_id: int, *, limit: int, personal: bool) -> list[Row]:
    """The first `limit` queued deliveries of the range, in order; with their personal values only if asked."""
    found = Delivery.objects.filter(
        message_channel=message_channel_id, pk__gte=first_id, pk__lte=last_id, status=Status.QUEUED
    ).order_by("pk")
    if not personal:
        return [Row(*row, {}) for row in found.values_list(*PLAIN)[:limit]]
    return [Row(*row[:-3], placeholder_values(*row[-3:])) for row in found.values_list(*PLAIN, *PERSONAL)[:limit]]


def suppression_reasons(delivery_ids: Sequence[int], *, kind: str) -> dict[int, str]:
    """Delivery id -> reason, for those whose address is on the suppression list."""
    listed = Suppression.objects.filter(kind=kind, value=OuterRef("address")).values("reason")[:1]
    rows = Delivery.objects.filter(pk__in=delivery_ids).annotate(listed=Subquery(listed))
    return dict(rows.filter(listed__isnull=False).values_list("pk", "listed"))


def every_address(rows: Sequence[Row], *, kind: str) -> dict[int, tuple[str, ...]]:
    """Delivery id -> all addresses of this kind that its person has now and wants to be written to at."""
    found = defaultdict(list)
    suppressed = Suppression.objects.filter(kind=kind, value=OuterRef("value"))
    points = ContactPoint.objects.filter(~Exists(suppressed), kind=kind, person__in={one.person_id for one in rows})
    for person_id, value in points.order_by("pk").values_list("person", "value"):
        found[person_id].append(value)
    return {one.pk: tuple(found[one.person_id]) for one in rows}


def waiting_due(limit: int, *, urgent: bool) -> dict[int, list[int]]:
    """Message channel id -> ids of waiting rows whose time has come; the urgent ones apart from the general, which may
    be many. What is paused waits on.
    """
    general = Q(message_channel__message__urgency=Urgency.GENERAL)
    rows = Delivery.objects.filter(
        ~general if urgent else general,
        status=Status.WAITING,
        due_at__lte=Now(),
        message_channel__message__paused_at=None,
        message_channel__channel__paused_reason="",
    )
    found = defaultdict(list)
    for message_channel_id, pk in rows.order_by("due_at").values_list("message_channel", "pk")[:limit]:
        found[message_channel_id].append(pk)
    return found


def ringing() -> list[MessageChannel]:
    """Message channels with chains of doorbells out, whose rows may be sent now."""
    active = _sendable().filter(ring_at__isnull=False)
    return list(active.select_related("channel", "message").defer("message__content"))


def leases_over(limit: int) -> list[str]:
    """Tokens of leases that no worker has renewed in time."""
    return list(Lease.objects.filter(due_at__lte=Now()).order_by("due_at").values_list("pk", flat=True)[:limit])


def due_unknown(limit: int) -> list[Delivery]:
    return list(
        Delivery.objects.filter(status=Status.UNKNOWN, due_at__lte=Now())
        .select_related("message_channel__channel", "message_channel__message", "recipient__person", "account")
        .order_by("due_at")[:limit]
    )


def younger_than(delivery: Delivery, age: timedelta) -> bool:
    return Delivery.objects.filter(pk=delivery.pk, sent_at__gt=Now() - age).exists()


def reference_taken(delivery: Delivery, reference: str) -> bool:
    """Whether another delivery through the same account is already known by this reference."""
    others = Attempt.objects.filter(account=delivery.account_id, reference=reference)
    return bool(reference) and others.exclude(delivery=delivery.pk).exists()
