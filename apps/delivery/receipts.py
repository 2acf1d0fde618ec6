"""What providers report afterwards: stored as it came, applied when there is time, harmless in every order and number.

A receipt waits in its row (`due_at`) as a delivery does: the doorbell rung when it came is only a hint, and the sweep
`apply_receipts` finds whatever was left.
"""

import hashlib
import logging
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError
from django.db.models import F
from django.db.models.functions import Now

from apps.channels import accounts
from apps.channels.models import ProviderAccount
from apps.channels.providers.base import Callback, ReceiptEvent
from apps.core import alerts, jobs
from apps.core.db import transactional
from apps.delivery import services, suppressions
from apps.delivery.models import Delivery, Receipt
from apps.delivery.services import Evidence
from apps.delivery.states import Status, Verdict

log = logging.getLogger(__name__)

#: A worker that has taken a receipt has so long to apply it; then it is due again.
TERM = timedelta(seconds=30)
#: A delivery that is just being sent will have its outcome soon.
SOON = timedelta(seconds=2)
#: For five minutes an orphan may still find its delivery.
ORPHAN_AGAIN = timedelta(seconds=30)
ORPHAN_TRIES = 10
#: About a day: what has not come to an end by then never will.
MOST_TRIES = 2880
MAX_REASON = Receipt._meta.get_field("reason").max_length
MAX_CONTENT_TYPE = Receipt._meta.get_field("content_type").max_length


def address(account: ProviderAccount, *, delivery_id: int, attempt: int) -> str:
    """Where the provider reports what became of an attempt, as it is told when the message is handed over."""
    return f"{settings.PUBLIC_URL}/callbacks/{account.provider}/{account.pk}/{delivery_id}/{attempt}"


def store(account: ProviderAccount, callback: Callback, *, delivery_id: int, attempt: int) -> Receipt | None:
    """Keep an authentic callback as it came, and ring for it. None if the same report is here already."""
    digest = hashlib.sha256(f"{delivery_id}/{attempt}\n".encode() + callback.body).hexdigest()
    receipt = Receipt(
        account=account,
        delivery_id=delivery_id,
        attempt=attempt,
        digest=digest,
        content_type=callback.content_type[:MAX_CONTENT_TYPE],
        body=callback.body.decode(errors="backslashreplace"),
        due_at=Now(),
    )
    try:
        _insert(receipt)
    except IntegrityError:
        if not Receipt.objects.filter(account=account, digest=digest).exists():
            raise
        return None
    jobs.enqueue(jobs.APPLY_RECEIPT, receipt.pk, lane=jobs.RECEIPTS_LANE)
    return receipt


@transactional
def _insert(receipt: Receipt) -> None:
    receipt.save(force_insert=True)


def due(limit: int) -> list[int]:
    """Ids of the receipts to be applied (again) now, the longest due first."""
    rows = Receipt.objects.filter(due_at__lte=Now()).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:limit])


def apply(receipt_id: int) -> None:
    """Let one receipt have its effect, if it is due and nobody else is at it."""
    if not _take(receipt_id):
        return
    receipt = Receipt.objects.select_related("account").get(pk=receipt_id)
    if receipt.tries > MOST_TRIES:
        log.warning("receipt %s comes to no end and is given up", receipt.pk)
        _close(receipt, Receipt.Result.IGNORED, receipt.reason)
        return
    delivery = _delivery(receipt)
    if delivery is None:
        _keep_orphan(receipt)
        return
    provider = accounts.provider_for(receipt.account)
    try:
        events = provider.parse_receipts(_callback(receipt))
    except Exception as error:
        # Only the kind of error: its text may hold the report.
        events = [ReceiptEvent(None, detail=type(error).__name__)]
    _apply_all(receipt, delivery, events)


@transactional
def _take(receipt_id: int) -> bool:
    taken = Receipt.objects.filter(pk=receipt_id, due_at__lte=Now())
    return bool(taken.update(due_at=Now() + TERM, tries=F("tries") + 1))


def _delivery(receipt: Receipt) -> Delivery | None:
    """The delivery the address of the callback names, if it ever went out through the account that reports."""
    delivery = Delivery.objects.filter(pk=receipt.delivery_id).select_related("message_channel__channel").first()
    if delivery is None or delivery.account_id == receipt.account_id:
        return delivery
    earlier = delivery.attempts.filter(number=receipt.attempt, account=receipt.account_id)
    return delivery if earlier.exists() else None


def _callback(receipt: Receipt) -> Callback:
    url = address(receipt.account, delivery_id=receipt.delivery_id, attempt=receipt.attempt)
    return Callback(url, receipt.content_type, receipt.body.encode())


@transactional
def _apply_all(receipt: Receipt, delivery: Delivery, events: list[ReceiptEvent]) -> None:
    """Everything one report says, and the receipt's own end, or neither."""
    detail = ", ".join(event.detail for event in events)
    unknown = [event for event in events if event.status is None]
    verdicts = [_apply_one(receipt, delivery, event) for event in events if event.status is not None]
    if Verdict.TOO_EARLY in verdicts:
        _wait(receipt, delivery, detail)
    elif unknown:
        alerts.raise_alert(alerts.Kind.RECEIPT_UNREADABLE, f"account {receipt.account_id}", detail)
        _close(receipt, Receipt.Result.UNREADABLE, detail)
    else:
        news = Verdict.MOVES in verdicts
        _close(receipt, Receipt.Result.APPLIED if news else Receipt.Result.IGNORED, detail)


def _apply_one(receipt: Receipt, delivery: Delivery, event: ReceiptEvent) -> Verdict:
    evidence = Evidence(delivery.pk, Status(str(event.status)), receipt.attempt, event.code)
    verdict = services.apply_evidence(evidence)
    if verdict is Verdict.MOVES and evidence.status is Status.FAILED:
        kind = delivery.message_channel.channel.address_kind
        suppressions.add(kind=kind, refused={delivery.address: event.code})
    return verdict


def _wait(receipt: Receipt, delivery: Delivery, detail: str) -> None:
    """The row is being sent, or stands before its repetition."""
    again = SOON if delivery.status == Status.SENDING else TERM
    Receipt.objects.filter(pk=receipt.pk).update(due_at=Now() + again, reason=detail[:MAX_REASON])


def _keep_orphan(receipt: Receipt) -> None:
    again = Now() + ORPHAN_AGAIN if receipt.tries <= ORPHAN_TRIES else None
    if again is None:
        log.warning("receipt %s of account %s belongs to no delivery", receipt.pk, receipt.account_id)
    Receipt.objects.filter(pk=receipt.pk).update(result=Receipt.Result.ORPHAN, due_at=again)


def _close(receipt: Receipt, result: Receipt.Result, reason: str) -> None:
    Receipt.objects.filter(pk=receipt.pk).update(result=result, reason=reason[:MAX_REASON], due_at=None)
