"""A worker's hold on rows: from the claim to the commit before the call, and its end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now

from apps.core.db import single_write, transactional
from apps.delivery.journal import NOTHING, Known
from apps.delivery.models import Delivery, Lease, Suppression
from apps.delivery.services import outcomes, updates
from apps.delivery.services.outcomes import SETTLE_TIME, Outcome
from apps.delivery.states import Status


@transactional
def claim(delivery_ids: Sequence[int], *, lease: str) -> set[int]:
    """Take queued rows under a new `lease`. Returns the ids that were still to be had."""
    rows = Delivery.objects.filter(updates.among(delivery_ids))
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
    held = Delivery.objects.filter(updates.among(delivery_ids), status=Status.CLAIMED, lease=lease)
    return updates.back_in_line(held, {message_channel_id: delivery_ids})


@single_write
def renew(lease: str) -> bool:
    """Start the lease anew. False if it is over: then its rows are somebody else's."""
    return bool(Lease.objects.filter(pk=lease).update(due_at=Now() + settings.LEASE))


@single_write
def mark_sending(delivery_ids: Sequence[int], *, lease: str, account_id: int, kind: str) -> set[int]:
    """Commit that these rows are about to be handed over, but for those whose address of `kind` is suppressed.

    Returns the ids that may be handed over: the others were taken away, or are still claimed and to be ended.
    """
    mine = Delivery.objects.filter(updates.among(delivery_ids), lease=lease)
    listed = Suppression.objects.filter(kind=kind, value=OuterRef("address"))
    changed = mine.filter(~Exists(listed), status=Status.CLAIMED).update(
        status=Status.SENDING, attempt=F("attempt") + 1, account=account_id, sent_at=Now(), updated_at=Now()
    )
    if changed == len(delivery_ids):
        return set(delivery_ids)
    return set(mine.filter(status=Status.SENDING).values_list("pk", flat=True))


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
    returned = updates.back_in_line(held.filter(status=Status.CLAIMED), {key: [lease.first_id] for key in claimed})
    ended = +Counter({Status.QUEUED: returned})
    sending: dict[int, list[Outcome]] = {}
    for pk, status, message_channel, attempt, account in rows:
        if status == Status.SENDING:
            outcome = _as_told(known, Outcome(pk, Status.UNKNOWN, "lease_over", attempt, account))
            sending.setdefault(message_channel, []).append(outcome)
    for message_channel, told in sending.items():
        outcomes.settle(message_channel, told, held, before=Status.SENDING, took_ms=0)
        ended.update(one.status for one in told)
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
