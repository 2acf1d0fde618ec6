"""A doorbell rings after the commit, on its lane, and never brings down whoever rings it."""

import base64
import json
import logging
import time

import pytest
from django.db import transaction

from apps.core import jobs
from apps.core.tests.conftest import Ring
from tests.services.redis_server import RedisServer


def rung(broker: RedisServer, lane: str) -> int:
    return int(broker.command("LLEN", lane))


@pytest.mark.django_db(transaction=True)
def test_rings_only_after_the_commit(broker: RedisServer) -> None:
    with transaction.atomic():
        jobs.enqueue(jobs.FAN_OUT, 7, lane=jobs.FAN_OUT_LANE)
        assert rung(broker, "fanout") == 0
    assert rung(broker, "fanout") == 1


@pytest.mark.django_db(transaction=True)
def test_does_not_ring_after_a_rollback(broker: RedisServer) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        jobs.enqueue(jobs.FAN_OUT, 7, lane=jobs.FAN_OUT_LANE)
        raise ZeroDivisionError
    assert rung(broker, "fanout") == 0


@pytest.mark.django_db(transaction=True)
def test_rings_at_once_outside_a_transaction(broker: RedisServer) -> None:
    jobs.enqueue(jobs.CLOSE, 7, lane=jobs.FAN_OUT_LANE)
    assert rung(broker, "fanout") == 1


@pytest.mark.parametrize("lane", ["fanout", "email.urgent", "sms.bulk"])
def test_carries_the_job_and_its_ids_on_the_lane(broker: RedisServer, lane: str) -> None:
    assert jobs.ring(jobs.DELIVER, (1, 2, 3), lane=lane)
    message = json.loads(broker.command("LPOP", lane))
    assert message["headers"]["task"] == "workers.deliver"
    assert json.loads(base64.b64decode(message["body"]))[0] == [1, 2, 3]
    assert message["headers"]["eta"] is None


def test_rings_no_other_lane(broker: RedisServer) -> None:
    jobs.ring(jobs.DELIVER, (1, 2, 3), lane="email.bulk")
    assert [key for key in broker.command("KEYS", "*") if not key.startswith("_kombu")] == ["email.bulk"]


def test_broker_down_is_told_and_not_raised(broker_at: Ring, closed_url: str, caplog: pytest.LogCaptureFixture) -> None:
    broker_at(closed_url)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING, "apps.core.jobs"):
        assert not jobs.ring(jobs.FAN_OUT, (7,), lane="fanout")
    assert time.monotonic() - started < 4
    assert "doorbell failed: workers.fan_out(7,) on fanout" in caplog.text


def test_after_a_failure_the_broker_is_left_alone_for_a_while(broker_at: Ring, closed_url: str) -> None:
    broker_at(closed_url)
    assert not jobs.ring(jobs.FAN_OUT, (1,), lane="fanout")
    started = time.monotonic()
    for number in range(1000):
        assert not jobs.ring(jobs.FAN_OUT, (number,), lane="fanout")
    assert time.monotonic() - started < 0.5


def test_rings_again_after_the_rest(broker_at: Ring, own_broker: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    broker_at(own_broker.url)
    own_broker.kill9()
    assert not jobs.ring(jobs.FAN_OUT, (1,), lane="fanout")
    own_broker.start()
    assert not jobs.ring(jobs.FAN_OUT, (2,), lane="fanout")
    monkeypatch.setattr(jobs, "_silent_until", 0.0)
    assert jobs.ring(jobs.FAN_OUT, (3,), lane="fanout")
    assert rung(own_broker, "fanout") == 1


def test_broker_that_restarted_meanwhile_is_rung_within_two_tries(
    broker_at: Ring, own_broker: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ring may fall on the dead connection."""
    monkeypatch.setattr(jobs, "REST_AFTER_FAILURE", 0.0)
    broker_at(own_broker.url)
    assert jobs.ring(jobs.FAN_OUT, (1,), lane="fanout")
    own_broker.kill9()
    own_broker.start()
    assert jobs.ring(jobs.FAN_OUT, (2,), lane="fanout") or jobs.ring(jobs.FAN_OUT, (2,), lane="fanout")


def test_fault_08_broker_hangs_and_costs_seconds(broker_at: Ring, silent_url: str) -> None:
    broker_at(silent_url)
    started = time.monotonic()
    assert not jobs.ring(jobs.FAN_OUT, (7,), lane="fanout")
    assert time.monotonic() - started < 8


def test_fault_08_broker_hangs_on_a_connection_already_open(broker_at: Ring, own_broker: RedisServer) -> None:
    broker_at(own_broker.url)
    assert jobs.ring(jobs.FAN_OUT, (1,), lane="fanout")
    own_broker.pause()
    started = time.monotonic()
    assert not jobs.ring(jobs.FAN_OUT, (2,), lane="fanout")
    assert time.monotonic() - started < 8


def test_fault_09_full_broker_is_told_and_not_raised(broker_at: Ring, own_broker: RedisServer) -> None:
    broker_at(own_broker.url)
    own_broker.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    own_broker.command("CONFIG", "SET", "maxmemory", "1")
    assert not jobs.ring(jobs.FAN_OUT, (7,), lane="fanout")


def test_broker_that_wants_a_password_is_told_and_not_raised(broker_at: Ring, own_broker: RedisServer) -> None:
    own_broker.command("CONFIG", "SET", "requirepass", "secret")
    broker_at(own_broker.url)
    assert not jobs.ring(jobs.FAN_OUT, (7,), lane="fanout")
