"""What a provider reports afterwards."""

from collections import Counter
from dataclasses import dataclass

from apps.core.db import transactional
from apps.delivery.models import Delivery
from apps.delivery.services import updates
from apps.delivery.states import SETTLED, Status, Verdict, weigh


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
    verdict = weigh(evidence.status, attempt=evidence.attempt, status=before, reason=row.reason, attempts=row.attempt)
    if verdict is Verdict.MOVES:
        same = Delivery.objects.filter(pk=row.pk, status=before, attempt=row.attempt)
        moved = Counter({evidence.status.value: updates.end(same, evidence.status, evidence.reason)})
        if before in SETTLED:
            moved.subtract({before.value: moved[evidence.status.value]})
        updates.count(row.message_channel_id, moved)
    return verdict
