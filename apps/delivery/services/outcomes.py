"""What becomes of a row: by its worker, by evidence, by a recall, by time."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from apps.core.db import insert_rows, transactional
from apps.delivery.models import Attempt, Delivery
from apps.delivery.services import updates
from apps.delivery.states import RETRACTABLE, SETTLED, Status, may_follow

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


@transactional
def record(message_channel_id: int, outcomes: Collection[Outcome], *, lease: str, took_ms: int = 0) -> int:
    """Write what became of rows that were `sending` under `lease`. Returns how many were still ours to write."""
    rows = Delivery.objects.filter(lease=lease)
    return settle(message_channel_id, outcomes, rows, before=Status.SENDING, took_ms=took_ms)


@transactional
def resolve(message_channel_id: int, outcomes: Collection[Outcome]) -> int:
    """Write what evidence or the channel's rule says of rows whose outcome was unknown."""
    return settle(message_channel_id, outcomes, Delivery.objects.all(), before=Status.UNKNOWN, took_ms=0)


@transactional
def suppress(message_channel_id: int, reasons: dict[int, str], *, lease: str) -> int:
    """End claimed rows whose owner must not get them any more; `reasons` maps delivery id to reason."""
    changed = 0
    for reason, ids in _grouped(reasons).items():
        claimed = Delivery.objects.filter(pk__in=ids, lease=lease, status=Status.CLAIMED)
        changed += updates.end(claimed, Status.SUPPRESSED, reason)
    updates.count(message_channel_id, Counter(suppressed=changed))
    return changed


@transactional
def retract(message_channel_id: int, *, to: Status, reason: str, limit: int) -> int:
    """End up to `limit` rows that were certainly not handed over: CANCELLED for a recall, EXPIRED for an expiry."""
    ids = list(
        Delivery.objects.filter(message_channel=message_channel_id, status__in=RETRACTABLE)
        .order_by()
        .values_list("pk", flat=True)[:limit]
    )
    changed = updates.end(Delivery.objects.filter(pk__in=ids, status__in=RETRACTABLE), to, reason)
    updates.count(message_channel_id, Counter({to.value: changed}))
    return changed


@transactional
def promote(message_channel_id: int, delivery_ids: Sequence[int]) -> int:
    """Waiting rows whose time has come are ready."""
    due = Delivery.objects.filter(pk__in=delivery_ids, status=Status.WAITING, due_at__lte=Now())
    return updates.back_in_line(due, {message_channel_id: delivery_ids})


@transactional
def take_unknown(delivery_id: int, *, ask_again: timedelta) -> bool:
    """Whether this sweep is the one to ask about the row; if it comes to nothing, the next asks after `ask_again`."""
    due = Delivery.objects.filter(pk=delivery_id, status=Status.UNKNOWN, due_at__lte=Now())
    return bool(due.update(due_at=Now() + ask_again))


def settle(
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
    log([one for one in written if one.tried], took_ms=took_ms)
    updates.count(message_channel_id, settled)
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
    ours = rows.filter(updates.among([each.delivery_id for each in alike]))
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


def log(outcomes: Sequence[Outcome], *, took_ms: int) -> None:
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


def _grouped(reasons: dict[int, str]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for pk, reason in reasons.items():
        grouped.setdefault(reason, []).append(pk)
    return grouped
