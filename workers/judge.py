"""What a provider's result means for a delivery: pure, no clock, no database."""

import random
from collections.abc import Callable
from datetime import timedelta

from apps.channels.models import Channel
from apps.channels.providers.base import Accepted, Deferred, Refused, Result, Throttled, Unknown
from apps.delivery.models import Delivery
from apps.delivery.services import SETTLE_TIME, Outcome
from apps.delivery.states import Status

FIRST_BACKOFF = 4.0
LONGEST_BACKOFF = 900.0
THROTTLE_PAUSE = 5.0
OUTAGE_PAUSE = 15.0
#: Codes of `Deferred` that say the provider or our account is down: an outage of hours must not use up the attempts.
PROVIDER_DOWN = frozenset({"provider_unreachable", "account_refused"})


def backoff(
    attempt: int, *, retry_after: float | None = None, chance: Callable[[], float] = random.random
) -> timedelta:
    """How long to wait after failed `attempt` (1, 2 …): full jitter, `retry_after` seconds at the least.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (attempt - 1))
    # Whole half seconds, so that rows of one window share one UPDATE.
    seconds = round(max(retry_after or 0.0, chance() * longest) * 2) / 2
    return timedelta(seconds=seconds)


def outcome(delivery_id: int, result: Result, *, attempt: int, channel: Channel) -> Outcome:
    """What becomes of a delivery whose `attempt`-th call gave `result`."""
    match result:
        case Accepted():
            return Outcome(delivery_id, Status.ACCEPTED, reference=result.reference)
        case Refused():
            return Outcome(delivery_id, Status.FAILED, result.code)
        case Throttled():
            pause = THROTTLE_PAUSE if result.retry_after is None else result.retry_after
            return _wait_for_provider(delivery_id, result.code, pause)
        case Deferred() if result.code in PROVIDER_DOWN:
            return _wait_for_provider(delivery_id, result.code, result.retry_after or OUTAGE_PAUSE)
        case Deferred() if attempt < channel.max_attempts:
            wait = backoff(attempt, retry_after=result.retry_after)
            return Outcome(delivery_id, Status.WAITING, result.code, due_in=wait)
        case Deferred():
            return Outcome(delivery_id, Status.FAILED, result.code)
        case Unknown():
            return Outcome(delivery_id, Status.UNKNOWN, result.code, due_in=SETTLE_TIME)


def _wait_for_provider(delivery_id: int, reason: str, pause: float) -> Outcome:
    """It is the provider's trouble and not this delivery's, so it costs the delivery no attempt."""
    wait = backoff(1, retry_after=pause)
    return Outcome(delivery_id, Status.WAITING, reason, due_in=wait, burns_attempt=False)


def without_evidence(delivery: Delivery, channel: Channel) -> Outcome:
    """What the channel's crash rule says of a row whose outcome nobody can tell."""
    if channel.crash_rule == Channel.CrashRule.REPEAT and delivery.attempt < channel.max_attempts:
        return Outcome(delivery.pk, Status.WAITING, delivery.reason, due_in=timedelta(0), maybe_duplicate=True)
    return Outcome(delivery.pk, Status.FAILED, "unconfirmed")
