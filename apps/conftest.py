"""Fixtures that the tests of several apps share."""

import pytest
from django.core.cache import cache

from apps.core import alerts, jobs
from apps.messaging.tests.factories import House, a_house


@pytest.fixture(autouse=True)
def _forget_throttling() -> None:
    """Requests of one test must not count against the next."""
    cache.clear()


@pytest.fixture
def jobs_outbox(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...], str]]:
    """What is rung after commit, as (job, args, lane), instead of ringing."""
    rung: list[tuple[str, tuple[int, ...], str]] = []
    monkeypatch.setattr(jobs, "ring", lambda job, args, *, lane: not rung.append((job, tuple(args), lane)))
    return rung


@pytest.fixture
def house(db: None) -> House:
    return a_house()


@pytest.fixture
def alerts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts are written where they are raised: the transaction of a test never commits."""
    monkeypatch.setattr(alerts, "after_commit", lambda act: act())
