"""The dispatch state machine. Nothing else in the house writes `Delivery.status`.

Every change is one conditional UPDATE that names the state it starts from and, after the claim, the lease: a writer
that comes too late changes nothing. The counters of the message channel and the log of attempts move in the same
transaction.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Least, Now
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit import services as audit
from apps.core.db import insert_rows, insert_select, single_write, transactional
from apps.core.errors import Conflict, NotFound
from apps.delivery.journal import NOTHING, Known
from apps.delivery.models import Attempt, Delivery, Lease, Recipient, Suppression
from apps.delivery.states import RETRACTABLE, SETTLED, Status, Verdict, may_follow, weigh
from apps.directory.models import ContactPoint
from apps.messaging import audience
from apps.messaging import services as messaging
from apps.messaging.models import Message, MessageChannel

#: An unknown row is asked about only after this time: the provider's own list needs a moment to show what it took.
SETTLE_TIME = timedelta(seconds=5)
MAX_REFERENCE = Attempt._meta.get_field("reference").max_length
MAX_DETAIL = Attempt._meta.get_field("detail").max_length
LOGGED = ["delivery", "number", "account", "status", "reason", "detail", "reference", "took_ms"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of `attempt` (1, 2 …) of one delivery. `due_in` says when a waiting or unknown row is due.

    `burns_attempt` False: the next one has the same number. `tried` False: it was not even offered to the provider.
    """

    delivery_id: int
    status: Status
    reason: str = ""
    attempt: int = 1
    account_id: int | None = None
    reference: str = ""
    detail: str = ""
    due_in: timedelta | None = None
    burns_attempt: bool = True
    maybe_duplicate: bool = False
    tried: bool = True


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
            _count(message_channel.pk, Counter(total=added, delivered=added))
    return added


def _freeze_channel(message_channel: MessageChannel, recipients: QuerySet[Recipient]) -> None:
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
    suppressed = _end(born.filter(address=""), Status.SUPPRESSED, "no_address")
    listed = Suppression.objects.filter(kind=kind, value=OuterRef("address"))
    suppressed += _end(
        born.filter(Exists(listed), status=Status.QUEUED), Status.SUPPRESSED, Subquery(listed.values("reason")[:1])
    )
    _count(message_channel.pk, Counter(total=total, suppressed=suppressed))
    _wake(MessageChannel.objects.filter(pk=message_channel.pk))


@transactional
def claim(delivery_ids: Sequence[int], *, lease: str) -> set[int]:
    """Take queued rows under a new `lease`. Returns the ids that were still to be had."""
    rows = Delivery.objects.filter(_among(delivery_ids))
    changed = rows.filter(status=Status.QUEUED).update(status=Status.CLAIMED, lease=lease, updated_at=Now())
    if not changed:
        return set()
    first, last = min(delivery_ids), max(delivery_ids)
    Lease.objects.create(token=lease, first_id=first, last_id=last, due_at=Now() + settings.LEASE)
    if changed == len(delivery_ids):
        return set(delivery_ids)
    return set(rows.filter(status=Status.CLAIMED, lease=lease).values_list("pk", flat=True))


@transactional
def release(message_channel_id: int, delivery_ids: Sequence[int], *, lease: str) -> int:
    """Give the lease up, and with it what is still claimed under it. Returns how many rows that were."""
    Lease.objects.filter(pk=lease).delete()
    if not delivery_ids:
        return 0
    held = Delivery.objects.filter(_among(delivery_ids), status=Status.CLAIMED, lease=lease)
    return _back_in_line(held, {message_channel_id: delivery_ids})


@single_write
def renew(lease: str) -> bool:
    """Start the lease anew. False if it is over: then its rows are somebody else's."""
    return bool(Lease.objects.filter(pk=lease).update(due_at=Now() + settings.LEASE))


@single_write
def mark_sending(delivery_ids: Sequence[int], *, lease: str, account_id: int, kind: str) -> set[int]:
    """Commit that these rows are about to be handed over, but for those whose address of `kind` is suppressed.

    Returns the ids that may be handed over: the others were taken away, or are still claimed and to be ended.
    """
    mine = Delivery.objects.filter(_among(delivery_ids), lease=lease)
    listed = Suppression.objects.filter(kind=kind, value=OuterRef("address"))
    changed = mine.filter(~Exists(listed), status=Status.CLAIMED).update(
        status=Status.SENDING, attempt=F("attempt") + 1, account=account_id, sent_at=Now(), updated_at=Now()
    )
    if changed == len(delivery_ids):
        return set(delivery_ids)
    return set(mine.filter(status=Status.SENDING).values_list("pk", flat=True))


@transactional
def record(message_channel_id: int, outcomes: Collection[Outcome], *, lease: str, took_ms: int = 0) -> int:
    """Write what became of rows that were `sending` under `lease`. Returns how many were still ours to write."""
    rows = Delivery.objects.filter(lease=lease)
    return _settle(message_channel_id, outcomes, rows, before=Status.SENDING, took_ms=took_ms)


@transactional
def resolve(message_channel_id: int, outcomes: Collection[Outcome]) -> int:
    """Write what evidence or the channel's rule says of rows whose outcome was unknown."""
    return _settle(message_channel_id, outcomes, Delivery.objects.all(), before=Status.UNKNOWN, took_ms=0)


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
def promote(message_channel_id: int, delivery_ids: Sequence[int]) -> int:
    """Waiting rows whose time has come are ready."""
    due = Delivery.objects.filter(pk__in=delivery_ids, status=Status.WAITING, due_at__lte=Now())
    return _back_in_line(due, {message_channel_id: delivery_ids})


@transactional
def end_lease(token: str, known: Known = NOTHING) -> Counter[Status]:
    """A lease that is over, or whose worker is known to be dead. Returns how many rows went where.

    What was claimed is queued again. What was being sent is accepted or back in line as far as the journal tells,
    and otherwise unknown.
    """
    leases = Lease.objects.select_for_update().filter(pk=token)
    lease = leases.first() if known.complete else leases.filter(due_at__lte=Now()).first()
    if lease is None:
        return Counter()
    held = Delivery.objects.filter(pk__gte=lease.first_id, pk__lte=lease.last_id, lease=token)
    rows = list(held.select_for_update().values_list("pk", "status", "message_channel", "attempt", "account"))
    claimed = {message_channel: pk for pk, status, message_channel, *_rest in rows if status == Status.CLAIMED}
    returned = _back_in_line(held.filter(status=Status.CLAIMED), {key: [lease.first_id] for key in claimed})
    ended = +Counter({Status.QUEUED: returned})
    sending: dict[int, list[Outcome]] = {}
    for pk, status, message_channel, attempt, account in rows:
        if status == Status.SENDING:
            outcome = _as_told(known, Outcome(pk, Status.UNKNOWN, "lease_over", attempt, account))
            sending.setdefault(message_channel, []).append(outcome)
    for message_channel, outcomes in sending.items():
        _settle(message_channel, outcomes, held, before=Status.SENDING, took_ms=0)
        ended.update(one.status for one in outcomes)
    held.update(lease="")
    lease.delete()
    return ended


def _as_told(known: Known, unknown: Outcome) -> Outcome:
    """What the journal makes of an outcome nobody has recorded."""
    pk = unknown.delivery_id
    if pk in known.taken:
        return replace(unknown, status=Status.ACCEPTED, reason="", reference=known.taken[pk])
    if known.complete and pk not in known.begun:
        return replace(unknown, status=Status.WAITING, due_in=timedelta(0), burns_attempt=False, tried=False)
    return replace(unknown, due_in=SETTLE_TIME)


@transactional
def take_unknown(delivery_id: int, *, ask_again: timedelta) -> bool:
    """Whether this sweep is the one to ask about the row; if it comes to nothing, the next asks after `ask_again`."""
    due = Delivery.objects.filter(pk=delivery_id, status=Status.UNKNOWN, due_at__lte=Now())
    return bool(due.update(due_at=Now() + ask_again))


def _settle(
    message_channel_id: int,
    outcomes: Collection[Outcome],
    rows: QuerySet[Delivery],
    *,
    before: Status,
    took_ms: int,
) -> int:
    settled: Counter[str] = Counter()
    written: list[Outcome] = []
    for alike in _alike(outcomes):
        one = alike[0]
        if not may_follow(before, one.status):
            raise ValueError(f"{before} never becomes {one.status}")
        changed = _written(alike, rows, before=before)
        written += changed
        if one.status in SETTLED:
            settled[one.status.value] += len(changed)
    _log([one for one in written if one.tried], took_ms=took_ms)
    _count(message_channel_id, settled)
    return len(written)


def _written(alike: Sequence[Outcome], rows: QuerySet[Delivery], *, before: Status) -> list[Outcome]:
    """Write outcomes that one UPDATE can write; those of them that were still `before`.

    The lease stays on the row, so that what this writer has changed can be told from what another has.
    """
    one = alike[0]
    fields: dict[str, object] = {
        "status": one.status,
        "reason": one.reason,
        "due_at": Now() + one.due_in if one.due_in is not None else None,
        "updated_at": Now(),
    }
    if not one.burns_attempt:
        fields["attempt"] = F("attempt") - 1
    if one.maybe_duplicate:
        fields["maybe_duplicate"] = True
    ours = rows.filter(_among([each.delivery_id for each in alike]))
    changed = ours.filter(status=before).update(**fields)
    if changed in (0, len(alike)):
        return list(alike) if changed else []
    still = set(ours.filter(status=one.status).values_list("pk", flat=True))
    return [each for each in alike if each.delivery_id in still]


def _alike(outcomes: Collection[Outcome]) -> list[list[Outcome]]:
    """Outcomes in groups that one UPDATE can write each."""
    groups: dict[tuple, list[Outcome]] = {}
    for one in outcomes:
        key = (one.status, one.reason, one.due_in, one.burns_attempt, one.maybe_duplicate)
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def _log(outcomes: Sequence[Outcome], *, took_ms: int) -> None:
    rows = [
        (
            one.delivery_id,
            one.attempt,
            one.account_id,
            one.status.value,
            one.reason,
            one.detail[:MAX_DETAIL],
            one.reference[:MAX_REFERENCE],
            took_ms,
        )
        for one in outcomes
    ]
    insert_rows(Attempt, LOGGED, rows, now="at")


def _among(delivery_ids: Sequence[int]) -> Q:
    """The rows with these ids. A run without gaps goes as a range: a list of hundreds costs more than the UPDATE."""
    if not delivery_ids:
        return Q(pk__in=())
    first, last = min(delivery_ids), max(delivery_ids)
    if last - first + 1 == len(delivery_ids):
        return Q(pk__gte=first, pk__lte=last)
    return Q(pk__in=delivery_ids)


def _grouped(reasons: dict[int, str]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for pk, reason in reasons.items():
        grouped.setdefault(reason, []).append(pk)
    return grouped


def _back_in_line(rows: QuerySet[Delivery], ids: Mapping[int, Sequence[int]]) -> int:
    """The rows are queued again; `ids` names them by message channel, so that its chains go back and ring for them."""
    changed = rows.update(status=Status.QUEUED, reason="", lease="", due_at=None, updated_at=Now())
    if changed:
        for message_channel_id, some in ids.items():
            _wake(MessageChannel.objects.filter(pk=message_channel_id), rung_to=Least(F("rung_to"), min(some) - 1))
    return changed


def _wake(message_channels: QuerySet[MessageChannel], **changes: object) -> None:
    """There are rows to be rung for: should nobody live to do it, `ring_again` will."""
    message_channels.update(ring_at=Coalesce(F("ring_at"), Now()), **changes)


def _end(rows: QuerySet[Delivery], status: Status, reason: str | Subquery) -> int:
    return rows.update(status=status, reason=reason, lease="", due_at=None, updated_at=Now())


def _count(message_channel_id: int, by: Counter[str]) -> None:
    """Move the counters of a message channel, in the transaction that moves its rows."""
    moved = {name: F(name) + number for name, number in by.items() if number}
    if moved:
        MessageChannel.objects.filter(pk=message_channel_id).update(**moved, moved_at=Now())


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a provider reports of `attempt` of a delivery: `status` is accepted, delivered or failed."""

    delivery_id: int
    status: Status
    attempt: int
    reason: str = ""


@transactional
def apply_evidence(evidence: Evidence) -> Verdict:
    """Settle the row as a receipt says, if it is one that may; the receipt itself is the log of it."""
    row = Delivery.objects.select_for_update().filter(pk=evidence.delivery_id).first()
    if row is None:
        return Verdict.SAYS_NOTHING_NEW
    before = Status(row.status)
    verdict = weigh(
        evidence.status, attempt=evidence.attempt, status=before, reason=row.reason, attempts=row.attempt
    )
    if verdict is Verdict.MOVES:
        same = Delivery.objects.filter(pk=row.pk, status=before, attempt=row.attempt)
        moved = Counter({evidence.status.value: _end(same, evidence.status, evidence.reason)})
        if before in SETTLED:
            moved.subtract({before.value: moved[evidence.status.value]})
        _count(row.message_channel_id, moved)
    return verdict


@transactional
def resend(delivery_id: int, *, by: User) -> Delivery:
    """Send a delivery again of which nobody knows whether it arrived; from now on it says that it may be there twice.

    Raises `NotFound` or `NotAllowed` by the rights on its message, `Conflict` where its outcome is known or the message
    is over.
    """
    delivery = Delivery.objects.select_related("message_channel__message__unit").filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound()
    messaging.reopen(delivery.message_channel.message, by=by)
    rows = Delivery.objects.filter(pk=delivery_id)
    unknown = _again(rows.filter(status=Status.UNKNOWN))
    if not unknown and not _again_unconfirmed(delivery.message_channel_id, rows):
        raise Conflict(_("The outcome of this delivery is known, or somebody is sending it again already."))
    audit.record("resend", delivery, by=by)
    delivery.refresh_from_db()
    return delivery


@transactional
def resend_unconfirmed(message: Message, *, by: User) -> int:
    """Send everything of the message again that ended unconfirmed. Returns how many; raises as `resend`."""
    messaging.reopen(message, by=by)
    ids = message.message_channels.values_list("pk", flat=True)
    count = sum(_again_unconfirmed(pk, Delivery.objects.filter(message_channel=pk)) for pk in ids)
    if not count:
        raise Conflict(_("Nothing of this message is unconfirmed."))
    audit.record("resend", message, by=by, deliveries=count)
    return count


def _again_unconfirmed(message_channel_id: int, rows: QuerySet[Delivery]) -> int:
    changed = _again(rows.filter(status=Status.FAILED, reason="unconfirmed"))
    _count(message_channel_id, Counter(failed=-changed))
    return changed


def _again(rows: QuerySet[Delivery]) -> int:
    """A person has decided, so it may leave through any account."""
    return rows.update(
        status=Status.WAITING,
        reason="resent",
        account=None,
        due_at=Now(),
        lease="",
        maybe_duplicate=True,
        updated_at=Now(),
    )
