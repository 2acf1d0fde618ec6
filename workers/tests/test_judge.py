"""What a provider's result means: the whole table."""

from datetime import timedelta

import pytest

from apps.channels.models import Channel
from apps.channels.providers.base import OUT_OF_TIME, Accepted, Deferred, Refused, Result, Throttled, Unknown
from apps.delivery.models import Delivery
from apps.messaging.models import Message, MessageChannel
from workers import judge

EMAIL = Channel(key="email", max_attempts=3, crash_rule=Channel.CrashRule.REPEAT)
SMS = Channel(key="sms", max_attempts=3, crash_rule=Channel.CrashRule.NEVER)


@pytest.mark.parametrize(
    ("result", "attempt", "status", "reason", "burns"),
    [
        (Accepted("SM1"), 1, "accepted", "", True),
        (Refused("no_such_number"), 1, "failed", "no_such_number", True),
        (Deferred("try_later"), 1, "waiting", "try_later", True),
        (Deferred("try_later"), 2, "waiting", "try_later", True),
        (Deferred("try_later"), 3, "failed", "try_later", True),
        (Deferred("provider_unreachable"), 3, "waiting", "provider_unreachable", False),
        (Deferred("account_refused"), 3, "waiting", "account_refused", False),
        (Deferred("provider_error"), 3, "waiting", "provider_error", False),
        (Deferred("timeout", untried=True), 3, "waiting", "timeout", False),
        (Deferred("unmapped"), 1, "waiting", "unmapped", True),
        (Deferred("unmapped"), 2, "failed", "unmapped", True),
        (Throttled(), 1, "waiting", "throttled", False),
        (Throttled(), 3, "waiting", "throttled", False),
        (Unknown("timeout"), 1, "unknown", "timeout", True),
        (Unknown("timeout"), 3, "unknown", "timeout", True),
    ],
)
def test_outcome_of_a_result(result: Result, attempt: int, status: str, reason: str, burns: bool) -> None:
    outcome = judge.outcome(7, result, attempt=attempt, channel=SMS, account_id=3)
    assert (outcome.delivery_id, outcome.status, outcome.reason, outcome.burns_attempt) == (7, status, reason, burns)
    assert (outcome.due_in is not None) == (status in ("waiting", "unknown"))


def test_the_providers_reference_is_kept() -> None:
    assert judge.outcome(7, Accepted("SM1"), attempt=1, channel=SMS, account_id=3).reference == "SM1"


@pytest.mark.parametrize(
    ("result", "tried"),
    [
        (Accepted(), True),
        (Refused("rejected", "550 no"), True),
        (Deferred("try_later", "450 later"), True),
        (Deferred("timeout", untried=True), False),
        (Throttled(detail="429"), True),
        (OUT_OF_TIME, False),
        (Unknown("timeout", "ReadTimeout"), True),
    ],
)
def test_the_log_gets_who_was_asked_and_what_he_said(result: Result, tried: bool) -> None:
    outcome = judge.outcome(7, result, attempt=2, channel=SMS, account_id=3)
    assert (outcome.attempt, outcome.account_id, outcome.tried) == (2, 3, tried)
    assert outcome.detail == getattr(result, "detail", "")


@pytest.mark.parametrize(
    ("result", "expires_in", "status", "reason"),
    [
        (Deferred("try_later", retry_after=60), 50, "failed", "expired"),
        (Deferred("try_later", retry_after=60), 1000, "waiting", "try_later"),
        (Deferred("try_later", retry_after=60), None, "waiting", "try_later"),
        (Deferred("provider_unreachable"), 4, "failed", "expired"),
        (Throttled(retry_after=60), 50, "failed", "expired"),
        (OUT_OF_TIME, 1, "waiting", "out_of_time"),
        (OUT_OF_TIME, 0, "failed", "expired"),
        (Unknown("timeout"), 0, "unknown", "timeout"),
        (Accepted(), 0, "accepted", ""),
    ],
)
def test_nothing_waits_beyond_the_expiry(result: Result, expires_in: float | None, status: str, reason: str) -> None:
    outcome = judge.outcome(7, result, attempt=1, channel=SMS, account_id=3, expires_in=expires_in)
    assert (outcome.status, outcome.reason) == (status, reason)


@pytest.mark.parametrize(
    ("result", "at_once"),
    [
        (Deferred("provider_unreachable"), True),
        (Deferred("account_refused"), True),
        (Deferred("timeout", untried=True), True),
        (Deferred("connection_lost"), True),
        (Throttled(retry_after=60), True),
        (Deferred("try_later", retry_after=1), False),
        (Deferred("mailbox_full", retry_after=1), False),
        (Unknown("timeout"), False),
    ],
)
def test_only_trouble_with_the_account_goes_elsewhere_at_once(result: Result, at_once: bool) -> None:
    outcome = judge.outcome(7, result, attempt=1, channel=SMS, account_id=3, elsewhere=True)
    assert (outcome.due_in == timedelta(0)) is at_once


@pytest.mark.parametrize(("attempt", "longest"), [(1, 30), (2, 60), (3, 120), (9, 900), (30, 900)])
def test_backoff_is_full_jitter_under_a_doubling_ceiling(attempt: int, longest: float) -> None:
    assert judge.backoff(attempt, chance=lambda: 1.0) == timedelta(seconds=longest)
    assert judge.backoff(attempt, chance=lambda: 0.0) == timedelta(0)


def test_backoff_never_undercuts_what_the_provider_asked_for() -> None:
    assert judge.backoff(1, retry_after=30, chance=lambda: 0.5) == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("channel", "message_status", "attempt", "status", "maybe_duplicate"),
    [
        (EMAIL, "published", 1, "waiting", True),
        (EMAIL, "published", 3, "failed", False),
        (EMAIL, "recalled", 1, "failed", False),
        (EMAIL, "expired", 1, "failed", False),
        (SMS, "published", 1, "failed", False),
    ],
)
def test_without_evidence_the_channels_rule_decides(
    channel: Channel, message_status: str, attempt: int, status: str, maybe_duplicate: bool
) -> None:
    on_channel = MessageChannel(channel=channel, message=Message(status=message_status))
    outcome = judge.without_evidence(Delivery(pk=7, attempt=attempt, account_id=3, message_channel=on_channel))
    assert (outcome.attempt, outcome.account_id) == (attempt, 3)
    assert (outcome.status, outcome.maybe_duplicate) == (status, maybe_duplicate)
    assert outcome.reason == ("unconfirmed" if status == "failed" else "")


@pytest.mark.parametrize(
    ("result", "pause"),
    [
        (Throttled(), 5),
        (Throttled(retry_after=0), 0),
        (Throttled(retry_after=60), 60),
        (Deferred("account_refused"), 5),
    ],
)
def test_a_provider_in_trouble_is_left_alone_for_a_while(result: Result, pause: float) -> None:
    outcome = judge.outcome(7, result, attempt=1, channel=SMS, account_id=3)
    assert timedelta(seconds=pause) <= outcome.due_in <= timedelta(seconds=2 * pause)


@pytest.mark.parametrize("absurd", [1e15, float("inf"), 10.0**300])
def test_an_absurd_retry_after_is_an_hour_at_most(absurd: float) -> None:
    assert judge.backoff(1, retry_after=absurd) == judge.pause(absurd) == timedelta(hours=1)
