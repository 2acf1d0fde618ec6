"""The dispatch state machine. Nothing else in the house writes `Delivery.status`.

Every change is one conditional UPDATE that names the state it starts from and, after the claim, the lease: a writer
that comes too late changes nothing. The counters of the message channel move in the same transaction.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Case, Exists, F, Max, Min, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from apps.core.db import insert_select, transactional
from apps.delivery.models import Delivery, Recipient, Suppression
from apps.delivery.states import RETRACTABLE, SETTLED, Status, may_follow
from apps.directory.models import ContactPoint
from apps.messaging import audience
from apps.messaging.models import Message, MessageChannel

#: An unknown row is asked about only after this time: the provider's own list needs a moment to show what it took.
SETTLE_TIME = timedelta(seconds=5)
MAX_REFERENCE = Delivery._meta.get_field("reference").max_length


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery that was with a provider. `due_in` says when a waiting or unknown row is due."""

    delivery_id: int
    status: Status
    reason: str = ""
    reference: str = ""
    due_in: timedelta | None = None
    burns_attempt: bool = True
    maybe_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Frozen:
    """A slice of the audience that has just been frozen: how many, and the range of their Recipient ids."""

    count: int
    first: int
    last: int


def freeze(message: Message, *, after: int, up_to: int) -> Frozen:
    """Freeze the people with `after < id <= up_to` as recipients, with a delivery per channel.

    Runs inside the transaction that moves the message's cursor: both happen or neither.
    """
    people = audience.with_values(audience.people(message, after=after, up_to=up_to), message)
    added = insert_select(
        Recipient,
        ["message", "person", "values", "created_at"],
        people.values_list(Value(message.pk), F("pk"), F("row__values"), Now()),
    )
    if not added:
        return Frozen(0, first=0, last=0)
    recipients = Recipient.objects.filter(message=message, person__gt=after, person__lte=up_to)
    ids = recipients.aggregate(first=Min("pk"), last=Max("pk"))
    frozen = Frozen(added, **ids)
    for message_channel in message.message_channels.select_related("channel"):
        if message_channel.channel.delivers:
            _freeze_channel(message_channel, frozen)
        else:
            _count(message_channel.pk, Counter(total=added, delivered=added))
    return frozen


def _freeze_channel(message_channel: MessageChannel, frozen: Frozen) -> None:
    """Insert the slice's deliveries as queued, then end those that must not go out, before anybody can see them.

    One CASE inside the INSERT would do it in one statement, but would look up the address seven times.
    """
    kind = message_channel.channel.address_kind
    first_address = (
        ContactPoint.objects.filter(person=OuterRef("person"), kind=kind).order_by("pk").values("value")[:1]
    )
    columns = {
        "message_channel": Value(message_channel.pk),
        "recipient": F("pk"),
        "status": Value(Status.QUEUED.value),
        "reason": Value(""),
        "address": Coalesce(Subquery(first_address), Value("")),
        "due_at": Now() + settings.RING_AGAIN,
        "attempt": Value(0),
        "lease": Value(""),
        "reference": Value(""),
        "maybe_duplicate": Value(False),
        "updated_at": Now(),
    }
    recipients = Recipient.objects.filter(
        message=message_channel.message_id, pk__gte=frozen.first, pk__lte=frozen.last
    ).order_by("pk")
    total = insert_select(Delivery, list(columns), recipients.values_list(*columns.values()))
    born = Delivery.objects.filter(
        message_channel=message_channel, recipient__gte=frozen.first, recipient__lte=frozen.last
    )
    suppressed = _end(born.filter(address=""), Status.SUPPRESSED, "no_address")
    listed = Suppression.objects.filter(kind=kind, value=OuterRef("address"))
    suppressed += _end(
        born.filter(Exists(listed), status=Status.QUEUED), Status.SUPPRESSED, Subquery(listed.values("reason")[:1])
    )
    _count(message_channel.pk, Counter(total=total, suppressed=suppressed))


@transactional
def claim(message_channel_id: int, first_id: int, last_id: int, *, lease: str, limit: int) -> int:
    """Take the first `limit` queued rows of the range under `lease`. Returns how many.

    A range rung by a sweep may span the whole message, with most of its rows waiting for doorbells of their own.
    """
    queued = _rows(message_channel_id, first_id, last_id).filter(status=Status.QUEUED)
    ids = list(queued.order_by("pk").values_list("pk", flat=True)[:limit])
    return Delivery.objects.filter(pk__in=ids, status=Status.QUEUED).update(
        status=Status.CLAIMED, lease=lease, due_at=Now() + settings.LEASE, updated_at=Now()
    )


@transactional
def renew(message_channel_id: int, first_id: int, last_id: int, *, lease: str) -> int:
    """Hold the rows still claimed under `lease` for another term. Returns how many they are."""
    return _held(message_channel_id, first_id, last_id, lease).update(due_at=Now() + settings.LEASE)


@transactional
def release(message_channel_id: int, first_id: int, last_id: int, *, lease: str, due_in: timedelta) -> int:
    """Give back what is still claimed under `lease`; it is rung again after `due_in`."""
    return _held(message_channel_id, first_id, last_id, lease).update(
        status=Status.QUEUED, lease="", due_at=Now() + due_in, updated_at=Now()
    )


@transactional
def mark_sending(delivery_ids: Sequence[int], *, lease: str, account_id: int) -> set[int]:
    """Commit that these rows are about to be handed over. Returns the ids that may be: all others were taken away."""
    mine = Delivery.objects.filter(pk__in=delivery_ids, lease=lease)
    changed = mine.filter(status=Status.CLAIMED).update(
        status=Status.SENDING,
        attempt=F("attempt") + 1,
        account=account_id,
        sent_at=Now(),
        due_at=Now() + settings.LEASE,
        updated_at=Now(),
    )
    if changed == len(delivery_ids):
        return set(delivery_ids)
    return set(mine.filter(status=Status.SENDING).values_list("pk", flat=True))


@transactional
def record(message_channel_id: int, outcomes: Collection[Outcome], *, lease: str) -> int:
    """Write what became of rows that were `sending` under `lease`. Returns how many were still ours to write."""
    return _settle(message_channel_id, outcomes, Delivery.objects.filter(lease=lease), before=Status.SENDING)


@transactional
def resolve(message_channel_id: int, outcomes: Collection[Outcome]) -> int:
    """Write what evidence or the channel's rule says of rows whose outcome was unknown."""
    return _settle(message_channel_id, outcomes, Delivery.objects.all(), before=Status.UNKNOWN)


@transactional
def suppress(message_channel_id: int, reasons: dict[int, str], *, lease: str) -> int:
    """End claimed rows whose owner must not get them any more; `reasons` maps delivery id to reason."""
    changed = 0
    for reason, ids in _grouped(reasons).items():
        claimed = Delivery.objects.filter(pk__in=ids, lease=lease, status=Status.CLAIMED)
        changed += _end(claimed, Status.SUPPRESSED, reason)
    _count(message_channel_id, Counter(suppressed=changed))
    return changed


@transactional
def retract(message_channel_id: int, *, to: Status, reason: str, limit: int) -> int:
    """End up to `limit` rows that were certainly not handed over: CANCELLED for a recall, EXPIRED for an expiry."""
    ids = list(
        Delivery.objects.filter(message_channel=message_channel_id, status__in=RETRACTABLE)
        .order_by()
        .values_list("pk", flat=True)[:limit]
    )
    changed = _end(Delivery.objects.filter(pk__in=ids, status__in=RETRACTABLE), to, reason)
    _count(message_channel_id, Counter({to.value: changed}))
    return changed


@transactional
def promote(delivery_ids: Sequence[int]) -> int:
    """Waiting rows whose time has come are ready."""
    return Delivery.objects.filter(pk__in=delivery_ids, status=Status.WAITING).update(
        status=Status.QUEUED, due_at=Now() + settings.RING_AGAIN, updated_at=Now()
    )


@transactional
def postpone_ring(delivery_ids: Sequence[int]) -> int:
    """Queued rows are being rung again now; look at them again after the usual time."""
    return Delivery.objects.filter(pk__in=delivery_ids, status=Status.QUEUED).update(
        due_at=Now() + settings.RING_AGAIN
    )


@transactional
def end_leases(delivery_ids: Sequence[int]) -> tuple[int, int]:
    """Leases that are over: `claimed` goes back to the queue, `sending` becomes unknown. Returns both counts."""
    over = Delivery.objects.filter(pk__in=delivery_ids, due_at__lte=Now())
    returned = over.filter(status=Status.CLAIMED).update(
        status=Status.QUEUED, lease="", due_at=Now(), updated_at=Now()
    )
    unknown = over.filter(status=Status.SENDING).update(
        status=Status.UNKNOWN, reason="lease_over", lease="", due_at=Now(), updated_at=Now()
    )
    return returned, unknown


@transactional
def take_unknown(delivery_id: int, *, ask_again: timedelta) -> bool:
    """Whether this sweep is the one to ask about the row; if it comes to nothing, the next asks after `ask_again`."""
    due = Delivery.objects.filter(pk=delivery_id, status=Status.UNKNOWN, due_at__lte=Now())
    return bool(due.update(due_at=Now() + ask_again))


def _settle(
    message_channel_id: int, outcomes: Collection[Outcome], rows: QuerySet[Delivery], *, before: Status
) -> int:
    settled: Counter[str] = Counter()
    changed = 0
    for key, ids in _alike(outcomes).items():
        status, reason, due_in, burns_attempt, maybe_duplicate = key
        if not may_follow(before, status):
            raise ValueError(f"{before} never becomes {status}")
        fields: dict[str, object] = {
            "status": status,
            "reason": reason,
            "lease": "",
            "due_at": Now() + due_in if due_in is not None else None,
            "updated_at": Now(),
        }
        named = [one for one in outcomes if one.reference and one.delivery_id in ids]
        references = {one.delivery_id: one.reference[:MAX_REFERENCE] for one in named}
        if references:
            fields["reference"] = Case(
                *(When(pk=pk, then=Value(reference)) for pk, reference in references.items()),
                default=F("reference"),
            )
        if not burns_attempt:
            fields["attempt"] = F("attempt") - 1
        if maybe_duplicate:
            fields["maybe_duplicate"] = True
        now_changed = rows.filter(pk__in=ids, status=before).update(**fields)
        changed += now_changed
        if status in SETTLED:
            settled[status.value] += now_changed
    _count(message_channel_id, settled)
    return changed


def _alike(outcomes: Collection[Outcome]) -> dict[tuple, set[int]]:
    """Outcomes that one UPDATE can write."""
    alike: dict[tuple, set[int]] = {}
    for one in outcomes:
        key = (one.status, one.reason, one.due_in, one.burns_attempt, one.maybe_duplicate)
        alike.setdefault(key, set()).add(one.delivery_id)
    return alike


def _grouped(reasons: dict[int, str]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for pk, reason in reasons.items():
        grouped.setdefault(reason, []).append(pk)
    return grouped


def _rows(message_channel_id: int, first_id: int, last_id: int) -> QuerySet[Delivery]:
    return Delivery.objects.filter(message_channel=message_channel_id, pk__gte=first_id, pk__lte=last_id)


def _held(message_channel_id: int, first_id: int, last_id: int, lease: str) -> QuerySet[Delivery]:
    return _rows(message_channel_id, first_id, last_id).filter(status=Status.CLAIMED, lease=lease)


def _end(rows: QuerySet[Delivery], status: Status, reason: str | Subquery) -> int:
    return rows.update(status=status, reason=reason, lease="", due_at=None, updated_at=Now())


def _count(message_channel_id: int, by: Counter[str]) -> None:
    """Move the counters of a message channel, in the transaction that moves its rows."""
    moved = {name: F(name) + number for name, number in by.items() if number}
    if moved:
        MessageChannel.objects.filter(pk=message_channel_id).update(**moved)
