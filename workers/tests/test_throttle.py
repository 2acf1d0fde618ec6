"""The rate of an account: all workers together, urgent work first, and what happens without Redis."""

import json
import math
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from apps.channels.models import ProviderAccount
from tests.services.plugin import database_kind
from tests.services.redis_server import RedisServer
from workers import throttle
from workers.throttle import Throttle

ALWAYS = math.inf


def yes() -> bool:
    return True


def account(rate: float | None, *, pk: int = 1) -> ProviderAccount:
    return ProviderAccount(pk=pk, rate=None if rate is None else Decimal(str(rate)))


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(throttle, "local", throttle.Local())
    throttle._script.cache_clear()
    yield
    throttle._script.cache_clear()


@pytest.fixture
def own_broker(tmp_path: Path, broker: RedisServer, settings: Settings) -> Iterator[RedisServer]:
    """A broker that a test may stop, kill and fill."""
    kind = "valkey" if database_kind() == "sqlite" else "redis"
    own = RedisServer(tmp_path / "broker", kind=kind).start()
    settings.REDIS_URL = own.url
    yield own
    own.stop()


def taken(rate: float, *, seconds: float, urgent: bool = False) -> tuple[int, float]:
    """How many tokens one worker gets in so long, and how long it was in the end."""
    started, count = time.monotonic(), 0
    one = Throttle(account(rate), urgent=urgent)
    while one.take(started + seconds, yes):
        count += 1
    return count, time.monotonic() - started


def most_in(times: list[float], seconds: float) -> int:
    """The largest number of events in any stretch of so many seconds."""
    times, first, most = sorted(times), 0, 0
    for last, at in enumerate(times):
        while at - times[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_an_account_without_a_rate_asks_nobody(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert all(Throttle(account(None), urgent=False).take(0.0, lambda: False) for _ in range(100))


@pytest.mark.parametrize("rate", [0.5, 1, 3, 20, 250])
def test_a_bucket_holds_no_more_than_a_second_and_then_fills_at_the_rate(broker: RedisServer, rate: float) -> None:
    seconds = 1.0 if rate > 1 else 2.5
    got, took = taken(rate, seconds=seconds, urgent=True)
    assert 1 <= got <= max(1.0, rate) + rate * took
    assert got >= rate * seconds * 0.8 - 1


def test_no_token_before_the_deadline_is_no_at_once(broker: RedisServer) -> None:
    one = Throttle(account(0.1), urgent=True)
    assert one.take(ALWAYS, yes)
    started = time.monotonic()
    assert not one.take(started + 5, yes)
    assert time.monotonic() - started < 2


def test_a_waiting_worker_asks_whether_it_may_go_on(broker: RedisServer) -> None:
    one = Throttle(account(0.1), urgent=True)
    assert one.take(ALWAYS, yes)
    answers = iter([True, True, False])
    assert not one.take(ALWAYS, lambda: next(answers))


def test_bulk_leaves_half_of_the_bucket_to_urgent_work(broker: RedisServer) -> None:
    slow, started, bulk = Throttle(account(10), urgent=False), time.monotonic(), 0
    while slow.take(time.monotonic(), yes):
        bulk += 1
    assert 4 <= bulk <= 4 + 10 * (time.monotonic() - started) + 1
    urgent = Throttle(account(10), urgent=True)
    assert [urgent.take(time.monotonic(), yes) for _ in range(4)] == [True] * 4


@pytest.mark.parametrize("rate", [2, 20])
def test_bulk_does_not_delay_an_emergency(broker: RedisServer, rate: float) -> None:
    """Six bulk workers want all they can get; the urgent one gets the rate, and they get what it leaves."""
    stop = threading.Event()
    counts = [0] * 6

    def flood(place: int) -> None:
        one = Throttle(account(rate), urgent=False)
        while one.take(ALWAYS, lambda: not stop.is_set()):
            counts[place] += 1

    threads = [threading.Thread(target=flood, args=[place]) for place in range(6)]
    for thread in threads:
        thread.start()
    try:
        started_with = wait_until_dry(counts)
        urgent, took = taken(rate, seconds=3, urgent=True)
        beside = sum(counts) - started_with
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    assert urgent >= rate * 3 * 0.8 - 1
    assert urgent + beside <= rate * took + max(1, rate)
    assert beside <= rate * 0.5 + 2


def wait_until_dry(counts: list[int]) -> int:
    until = time.monotonic() + 10
    while not sum(counts) and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.5)
    return sum(counts)


# --- several processes ------------------------------------------------------------------------------------------------
PROCESS = """
import json, sys, threading, time
import django
skew = float(sys.argv[1])
# The clock of this host is wrong.
right = time.time
time.time = lambda: right() + skew
django.setup()
from decimal import Decimal
from apps.channels.models import ProviderAccount
from workers.throttle import Throttle

until, times = time.monotonic() + float(sys.argv[3]), []
account = ProviderAccount(pk=1, rate=Decimal(sys.argv[2]))

def work(number):
    while time.monotonic() < until:
        # A throttle for each window, as dispatch makes it.
        one = Throttle(account, urgent=number == 0)
        for _ in range(7):
            if one.take(until, lambda: True):
                times.append(time.monotonic())

threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(times))
"""


@pytest.mark.parametrize(("rate", "seconds"), [(3, 4), (60, 11)])
def test_all_processes_together_keep_the_rate_whatever_their_clocks_say(
    broker: RedisServer, rate: int, seconds: int
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROCESS), str(skew), str(rate), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for skew in (0, 300, -300)
    ]
    times = [at for process in processes for at in json.loads(process.communicate(timeout=90)[0])]
    assert len(times) >= rate * (seconds - 1) * 0.7, "the rate is used"
    for window in (0.5, 2, 10):
        assert most_in(times, window) <= rate * window + max(1, rate)


# --- without Redis ----------------------------------------------------------------------------------------------------
def kill(server: RedisServer) -> None:
    server.kill9()


def hang(server: RedisServer) -> None:
    server.pause()


def fill(server: RedisServer) -> None:
    server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.command("CONFIG", "SET", "maxmemory", "1")


@pytest.mark.parametrize("break_it", [kill, hang, fill])
def test_without_redis_each_process_keeps_its_share(
    own_broker: RedisServer,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    break_it: Callable[[RedisServer], None],
) -> None:
    settings.WORKER_PROCESSES = 4
    assert taken(40, seconds=0.1)[0] >= 1
    break_it(own_broker)
    got, took = taken(40, seconds=2)
    assert 10 <= got <= 10 * took + 10
    assert took < 4
    assert raised(caplog) == 1


def raised(caplog: pytest.LogCaptureFixture) -> int:
    return sum(one.getMessage().startswith("alert throttle_local") for one in caplog.records)


def test_redis_is_asked_again_and_an_outage_is_one_alert(
    own_broker: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(throttle, "LOCAL_FOR", 0.1)
    own_broker.kill9()
    assert taken(100, seconds=1)[0] > 10
    own_broker.start()
    taken(100, seconds=1)
    assert not throttle.local.away
    assert own_broker.command("EXISTS", "msgcenter-test:rate:1") == 1
    assert raised(caplog) == 1


def test_a_bucket_that_nobody_uses_goes_away(broker: RedisServer) -> None:
    Throttle(account(5), urgent=False).take(ALWAYS, yes)
    assert 0 < int(str(broker.command("PTTL", "msgcenter-test:rate:1"))) < 60_000


def test_the_keys_of_two_accounts_and_of_two_houses_are_apart(broker: RedisServer, settings: Settings) -> None:
    for pk, house in ((1, "a"), (2, "a"), (1, "b")):
        settings.ENVIRONMENT_ID = house
        assert Throttle(account(0.01, pk=pk), urgent=True).take(time.monotonic(), yes)
    client = redis.Redis.from_url(broker.url, decode_responses=True)
    assert sorted(client.keys("*:rate:*")) == ["a:rate:1", "a:rate:2", "b:rate:1"]
    client.close()
