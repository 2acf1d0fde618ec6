"""Everything a clock starts. Each sweep is bounded, harmless when run twice or by several beats, and callable from cron
(`manage.py sweep`).
"""

import functools
import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import OperationalError
from django.utils import timezone

from apps.accounts import codes, letters, limits
from apps.audit import services as audit
from apps.channels import accounts
from apps.channels.providers.base import Accepted, Outgoing, Refused
from apps.core import jobs
from apps.delivery import chains, journal, receipts, selectors, services
from apps.delivery.models import Delivery
from apps.delivery.services import Outcome
from apps.delivery.states import Status
from apps.directory.roster import services as rosters
from apps.directory.roster import work
from apps.messaging import idempotency
from apps.messaging import selectors as messages
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.states import Status as MessageStatus
from workers import breaker, dispatch, judge, stuck
from workers import letters as post

log = logging.getLogger(__name__)

#: Rows one sweep looks at, so that its time and memory have a bound; the next tick goes on.
LIMIT = 5000
UNKNOWN_LIMIT = 500
#: When a provider cannot be asked, how soon to ask again, and when to stop hoping for its evidence.
ASK_AGAIN = timedelta(seconds=30)
EVIDENCE_ENDS = timedelta(minutes=10)
#: Seconds one sweep spends on asking, beyond the call that is under way.
ASKING_TIME = 5.0


def publish_due() -> None:
    """Publish what was scheduled for now; ring a fan-out that nobody has moved on."""
    for message_id in messages.publish_due(LIMIT):
        messaging.begin(message_id)
    for message_id in messages.fan_out_stalled(LIMIT):
        messaging.postpone_ring(message_id)
        jobs.ring(jobs.FAN_OUT, (message_id,), lane=jobs.FAN_OUT_LANE)


def expire_due() -> None:
    """End what may no longer be sent."""
    for message_id in messages.expire_due(LIMIT):
        messaging.expire(message_id)


def finish() -> None:
    """Close the books of messages whose deliveries are all settled."""
    for message_id in messages.finishable(LIMIT):
        messaging.finish(message_id)


def close_ended() -> None:
    """Take back what recalled and expired messages have not sent, should their own job have been lost."""
    for message_id in messages.ended_unsettled(LIMIT):
        close(message_id)


def close(message_id: int) -> None:
    """Take back everything of a recalled or expired message that was certainly not handed over."""
    message = Message.objects.get(pk=message_id)
    if message.status not in ENDINGS:
        return
    status, reason = ENDINGS[MessageStatus(message.status)]
    for message_channel in message.message_channels.all():
        while services.retract(message_channel.pk, to=status, reason=reason, limit=LIMIT):
            pass


ENDINGS = {
    MessageStatus.RECALLED: (Status.CANCELLED, "recalled"),
    MessageStatus.EXPIRED: (Status.EXPIRED, "expired"),
}


def promote_waiting() -> None:
    """Rows whose time has come are ready; ring them."""
    for urgent in (True, False):
        for message_channel_id, ids in selectors.waiting_due(LIMIT, urgent=urgent).items():
            services.promote(message_channel_id, ids)
            chains.start(message_channel_id)


def ring_again() -> None:
    """Where the queue has run dry although rows are ready, doorbells have been lost: ring anew."""
    backlog = functools.cache(jobs.backlog)
    usable = functools.cache(breaker.usable)
    for message_channel in selectors.ringing():
        waiting = backlog(chains.lane(message_channel))
        lost = waiting == 0 or (waiting is not None and message_channel.ring_at <= timezone.now())
        if lost and (message_channel.message.sandboxed or usable(message_channel.channel)):
            chains.revive(message_channel.pk)


def return_leases() -> None:
    """Rows whose worker has died: what it has not begun is ready again, what was on the line is unknown."""
    for token in {*journal.left_behind(), *selectors.leases_over(LIMIT)}:
        ended = services.end_lease(token, journal.read(token))
        if ended:
            journal.forget(token)
            log.warning("a lease is over: %s", ", ".join(f"{count} {status}" for status, count in ended.items()))


def resolve_unknown() -> None:
    """Settle unknown rows by the provider's own evidence, and where there is none by the channel's crash rule."""
    until = time.monotonic() + ASKING_TIME
    silent: set[int] = set()
    for delivery in selectors.due_unknown(UNKNOWN_LIMIT):
        if not services.take_unknown(delivery.pk, ask_again=ASK_AGAIN):
            continue
        outcome = _resolution(delivery, silent)
        if outcome:
            services.resolve(delivery.message_channel_id, [outcome])
        # Rows of a silent account cost no call, and those of the others are to have their turn.
        if time.monotonic() > until and delivery.account_id not in silent:
            return


def _resolution(delivery: Delivery, silent: set[int]) -> Outcome | None:
    """None while the provider cannot be asked and there is still hope that it can.

    `silent` are accounts that did not answer in this round: each call that waits for its time limit would hold up those
    of the others.
    """
    by_rule = judge.without_evidence(delivery)
    if delivery.account_id not in silent:
        try:
            return _by_evidence(delivery, _evidence(delivery)) or by_rule
        except Exception as error:
            # Only the kind of error: its text may hold the address. Whatever it is, no row stays unknown for ever.
            log.warning("provider of account %s cannot be asked: %s", delivery.account_id, type(error).__name__)
            silent.add(delivery.account_id)
    return None if selectors.younger_than(delivery, EVIDENCE_ENDS) else by_rule


def _by_evidence(delivery: Delivery, evidence: Accepted | Refused | None) -> Outcome | None:
    match evidence:
        # Two people may share a number and a text; what the provider has taken once proves one of them.
        case Accepted() if not selectors.reference_taken(delivery, evidence.reference):
            return judge.by_evidence(delivery, Status.ACCEPTED, reason="found", reference=evidence.reference)
        case Refused():
            return judge.by_evidence(delivery, Status.FAILED, reason=evidence.code)
    return None


def _evidence(delivery: Delivery) -> Accepted | Refused | None:
    """What the provider's own list says. Raises whatever keeps it from being asked."""
    if delivery.account is None:
        return None
    provider = accounts.provider_for(delivery.account)
    if not provider.can_find:
        return None
    sent = dispatch.as_sent(delivery)
    return provider.find(sent, since=delivery.sent_at) if isinstance(sent, Outgoing) else None


def apply_receipts() -> None:
    """Receipts whose doorbell was lost, or that came too early. One bad one never stops the others."""
    until = time.monotonic() + ASKING_TIME
    for receipt_id in receipts.due(LIMIT):
        try:
            receipts.apply(receipt_id)
        except OperationalError:
            raise
        except Exception as error:
            # Only the kind of error: its text may hold the report. The receipt is due again by itself.
            log.error("receipt %s cannot be applied: %s", receipt_id, type(error).__name__)
        if time.monotonic() > until:
            return


def tend_rosters() -> None:
    """Ring for rosters whose doorbell was lost, or whose worker."""
    for roster_id, job in work.overdue(LIMIT):
        jobs.ring(job, (roster_id,), lane=jobs.EXPORTS_LANE)


def send_letters() -> None:
    """Codes and links whose doorbell was lost, or that could not be sent before."""
    until = time.monotonic() + ASKING_TIME
    for letter_id in letters.due(LIMIT):
        post.send(letter_id)
        if time.monotonic() > until:
            return


def forget_old() -> None:
    """Delete what is kept for a limited time."""
    limits.forget_old()
    codes.forget_old()
    letters.forget_old()
    idempotency.forget_old()
    journal.forget_old()
    rosters.forget_old()


def note_audit() -> None:
    """Tell the server's log how far the audit log goes: who cuts its end off in the database is found out."""
    audit.note_newest()


def find_stuck() -> None:
    """Tell people of messages that do not move."""
    stuck.find()


SWEEPS: dict[str, Callable[[], None]] = {
    sweep.__name__: sweep
    for sweep in (
        publish_due,
        expire_due,
        finish,
        close_ended,
        promote_waiting,
        ring_again,
        return_leases,
        resolve_unknown,
        breaker.revive_accounts,
        apply_receipts,
        tend_rosters,
        send_letters,
        forget_old,
        find_stuck,
        note_audit,
    )
}
