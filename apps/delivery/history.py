"""What happened to one delivery, in the order in which it happened: hand-overs and what the provider reported."""

from dataclasses import dataclass, field
from datetime import datetime

from apps.channels.models import ProviderAccount
from apps.delivery import reasons
from apps.delivery.models import Attempt, Delivery, Receipt


@dataclass(frozen=True, slots=True)
class Entry:
    """`took_ms` only of a hand-over, `body` only of a report."""

    at: datetime
    is_receipt: bool
    attempt: int
    account: ProviderAccount | None
    outcome: str
    reason: str = ""
    reference: str = ""
    took_ms: int | None = None
    body: str = field(default="", repr=False)


def entries(delivery: Delivery) -> list[Entry]:
    attempts = delivery.attempts.select_related("account__channel")
    reports = Receipt.objects.filter(delivery_id=delivery.pk).select_related("account__channel").order_by("pk")
    found = [*map(_of_attempt, attempts), *map(_of_receipt, reports)]
    return sorted(found, key=lambda entry: entry.at)


def _of_attempt(row: Attempt) -> Entry:
    words = " · ".join(filter(None, [reasons.words(row.reason) if row.reason else "", row.detail]))
    outcome = str(row.get_status_display())
    return Entry(row.at, False, row.number, row.account, outcome, words, row.reference, row.took_ms)


def _of_receipt(row: Receipt) -> Entry:
    outcome = str(row.get_result_display())
    return Entry(row.received_at, True, row.attempt, row.account, outcome, row.reason, body=row.body)
