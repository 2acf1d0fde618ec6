"""What a provider's result means for a delivery: pure, no clock, no database."""

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from apps.channels.models import Channel
from apps.channels.providers.base import TROUBLE, Accepted, Deferred, Refused, Result, Throttled, Unknown
from apps.delivery.models import Delivery
from apps.delivery.services import SETTLE_TIME, Outcome
from apps.delivery.states import Status
from apps.messaging.states import LIVE

FIRST_BACKOFF = 30.0
LONGEST_BACKOFF = 900.0
THROTTLE_PAUSE = 5.0
#: Not longer, because the breaker (workers/breaker.py) keeps ready rows from a provider that is still down.
OUTAGE_PAUSE = 5.0
#: Codes of `Deferred` that say the provider or our account is down: an outage of hours must not use up the attempts.
PROVIDER_DOWN = frozenset({"provider_unreachable", "provider_error", "account_refused"})
#: A provider that asks for more is asked again all the same.
LONGEST_PAUSE = 3600.0
#: A code that nobody has mapped may be final: it is not worth more tries than this.
UNMAPPED_ATTEMPTS = 2


def backoff(
    attempt: int, *, retry_after: float | None = None, chance: Callable[[], float] = random.random
) -> timedelta:
    """How long to wait after failed `attempt` (1, 2 …): full jitter, `retry_after` seconds at the least.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (attempt - 1))
    return _seconds(max(retry_after or 0.0, chance() * longest))


def pause(seconds: float, *, chance: Callable[[], float] = random.random) -> timedelta:
    """How long to leave a provider in trouble alone: `seconds` at the least, and rows do not all come back at once."""
    return _seconds(seconds * (1 + chance()))


def _seconds(seconds: float) -> timedelta:
    """In whole half seconds, so that rows of one window share one UPDATE."""
    return timedelta(seconds=round(min(seconds, LONGEST_PAUSE) * 2) / 2)


def outcome(
    delivery_id: int,
    result: Result,
    *,
    attempt: int,
    channel: Channel,
    account_id: int | None,
    expires_in: float | None = None,
    elsewhere: bool = False,
) -> Outcome:
    """What becomes of a delivery whose `attempt`-th call, through `account_id`, gave `result`.

    `expires_in` is how many seconds the message has left. `elsewhere`: another account can be used now, so that trouble
    with this one is no reason to wait.
    """
    told = partial(
        Outcome,
        delivery_id,
        attempt=attempt,
        account_id=account_id,
        detail=getattr(result, "detail", ""),
        tried=not getattr(result, "untried", False),
    )
    match result:
        case Accepted():
            return told(Status.ACCEPTED, reference=result.reference)
        case Refused():
            return told(Status.FAILED, result.code)
        case Unknown():
            return told(Status.UNKNOWN, result.code, due_in=SETTLE_TIME)
    free = costs_nothing(result)
    if not free and attempt >= _attempts(result, channel):
        return told(Status.FAILED, result.code)
    wait = timedelta(0) if elsewhere and not _about_recipient(result) else _wait(result, attempt)
    if expires_in is not None and wait.total_seconds() >= expires_in:
        return told(Status.FAILED, "expired")
    return told(Status.WAITING, result.code, due_in=wait, burns_attempt=not free)


def costs_nothing(result: Deferred | Throttled) -> bool:
    """Whether the delivery keeps its attempt: it was held up by us or by an outage, not by anything of its own."""
    return isinstance(result, Throttled) or result.untried or result.code in PROVIDER_DOWN


def _about_recipient(result: Deferred | Throttled) -> bool:
    """Such a deferral (greylisting, a full mailbox) wants time, whichever account asks."""
    return isinstance(result, Deferred) and result.code not in TROUBLE


def _attempts(result: Deferred, channel: Channel) -> int:
    return min(channel.max_attempts, UNMAPPED_ATTEMPTS) if result.code == "unmapped" else channel.max_attempts


def _wait(result: Deferred | Throttled, attempt: int) -> timedelta:
    if isinstance(result, Throttled):
        return pause(THROTTLE_PAUSE if result.retry_after is None else result.retry_after)
    if costs_nothing(result):
        return pause(result.retry_after or OUTAGE_PAUSE)
    return backoff(attempt, retry_after=result.retry_after)


def by_evidence(delivery: Delivery, status: Status, *, reason: str, reference: str = "") -> Outcome:
    """What the provider itself says of a row whose outcome was unknown."""
    return Outcome(delivery.pk, status, reason, delivery.attempt, delivery.account_id, reference)


def without_evidence(delivery: Delivery) -> Outcome:
    """What the channel's crash rule says of a row whose outcome nobody can tell."""
    channel, message = delivery.message_channel.channel, delivery.message_channel.message
    told = partial(Outcome, delivery.pk, attempt=delivery.attempt, account_id=delivery.account_id)
    may_repeat = channel.crash_rule == Channel.CrashRule.REPEAT and message.status in LIVE
    if may_repeat and delivery.attempt < channel.max_attempts:
        return told(Status.WAITING, delivery.reason, due_in=timedelta(0), maybe_duplicate=True)
    return told(Status.FAILED, "unconfirmed")
