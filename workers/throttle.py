"""The rate of an account, for all workers together: a token bucket in Redis, by the clock of Redis.

The bucket holds a second's worth. Bulk leaves half of it to urgent work and takes nothing while urgent work waits, so a
flood never delays an emergency. While Redis is away, each process has a bucket of its own with its share of the rate.
"""

import functools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from apps.channels.models import ProviderAccount
from apps.core import alerts

#: Tokens are taken for so many seconds of the rate at a time, to save round trips, and are lost if not used in time.
CHUNK = 0.1
GOOD_FOR = 0.2
LONGEST_NAP = 0.1
REDIS_TIMEOUT = 0.2
#: Seconds for which a process leaves a Redis alone that did not answer.
LOCAL_FOR = 5.0
#: Seconds for which bulk holds back after urgent work has found the bucket empty.
URGENT_FIRST = 0.3

#: KEYS: the bucket. ARGV: rate, depth, tokens wanted, tokens to leave, 1 if urgent, milliseconds bulk holds back.
#: Answers {tokens granted, milliseconds until one more could be}. `TIME` is in whole microseconds.
TAKE = """
local rate, depth, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local leave, urgent, hold = tonumber(ARGV[4]), ARGV[5] == '1', tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local was = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'urgent')
local tokens, at, waiting = tonumber(was[1] or depth), tonumber(was[2] or now), tonumber(was[3] or 0)
tokens = math.min(depth, tokens + math.max(0, now - at) * rate / 1000)
local granted, wait = 0, 0
if urgent or now - waiting >= hold then
  granted = math.max(0, math.min(want, math.floor(tokens - leave)))
  wait = math.ceil((1 + leave - tokens) * 1000 / rate)
else
  wait = hold
end
if urgent then
  waiting = granted == 0 and now or 0
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - granted),
  'at', string.format('%.3f', math.max(now, at)), 'urgent', string.format('%.3f', waiting))
redis.call('PEXPIRE', KEYS[1], math.ceil(depth * 1000 / rate) + 10000)
return {granted, granted > 0 and 0 or math.max(1, wait)}
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """Deliveries a second, and what a bucket of them holds and leaves."""

    rate: float

    @property
    def chunk(self) -> int:
        return max(1, int(self.rate * CHUNK))

    @property
    def depth(self) -> float:
        """A second's worth, less what may have been taken out and not been used yet."""
        return max(1.0, self.rate * (1 - GOOD_FOR))

    def left_by(self, *, urgent: bool) -> int:
        """A bucket that holds a single token cannot leave any."""
        return 0 if urgent else int(self.depth / 2)


class Throttle:
    """Permission to make calls through an account. One for each window; its threads may share it."""

    def __init__(self, account: ProviderAccount, *, urgent: bool) -> None:
        self.account_id = account.pk
        self.limit = Limit(float(account.rate)) if account.rate else None
        self.urgent = urgent
        self._tokens = 0
        self._good_until = 0.0
        self._lock = threading.Lock()

    def take(self, until: float, go_on: Callable[[], bool]) -> bool:
        """Wait for a token. False if none comes before `until` (seconds of `time.monotonic`) or `go_on` says no."""
        if self.limit is None:
            return True
        while wait := self._try():
            if time.monotonic() + wait > until or not go_on():
                return False
            time.sleep(min(wait, LONGEST_NAP))
        return True

    def _try(self) -> float:
        """Seconds to wait; 0: a token was taken."""
        with self._lock:
            asked_at = time.monotonic()
            if self._tokens and asked_at < self._good_until:
                self._tokens -= 1
                return 0.0
            granted, wait = _granted(self.account_id, self.limit, urgent=self.urgent)
            self._tokens, self._good_until = max(0, granted - 1), asked_at + GOOD_FOR
            return 0.0 if granted else wait


@dataclass
class Bucket:
    """The bucket of one process, while it goes without Redis. Starts with one token: the others may have been used."""

    tokens: float = 1.0
    at: float = field(default_factory=time.monotonic)
    urgent_at: float = -math.inf

    def take(self, limit: Limit, *, urgent: bool) -> tuple[int, float]:
        now = time.monotonic()
        self.tokens = min(limit.depth, self.tokens + (now - self.at) * limit.rate)
        self.at = now
        if not urgent and now - self.urgent_at < URGENT_FIRST:
            return 0, URGENT_FIRST
        leave = limit.left_by(urgent=urgent)
        granted = max(0, min(limit.chunk, math.floor(self.tokens - leave)))
        self.tokens -= granted
        if urgent:
            self.urgent_at = -math.inf if granted else now
        return granted, max(0.001, (1 + leave - self.tokens) / limit.rate)


@dataclass
class Local:
    """What this process does without Redis: until when, and its buckets by account."""

    until: float = -math.inf
    away: bool = False
    buckets: dict[int, Bucket] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


local = Local()


def _granted(account_id: int, limit: Limit, *, urgent: bool) -> tuple[int, float]:
    """(tokens granted, seconds until one more could be)."""
    if time.monotonic() >= local.until:
        try:
            granted = _ask_redis(account_id, limit, urgent=urgent)
        except (redis.RedisError, OSError) as error:
            _go_local(error)
        else:
            _come_back()
            return granted
    share = Limit(limit.rate / max(1, settings.WORKER_PROCESSES))
    with local.lock:
        return local.buckets.setdefault(account_id, Bucket()).take(share, urgent=urgent)


def _ask_redis(account_id: int, limit: Limit, *, urgent: bool) -> tuple[int, float]:
    wanted = (limit.rate, limit.depth, limit.chunk, limit.left_by(urgent=urgent), int(urgent), URGENT_FIRST * 1000)
    granted, wait = _script()(keys=[f"{settings.ENVIRONMENT_ID}:rate:{account_id}"], args=wanted)
    return granted, wait / 1000


@functools.lru_cache(maxsize=1)
def _script() -> Script:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    return client.register_script(TAKE)


def _go_local(error: Exception) -> None:
    local.until = time.monotonic() + LOCAL_FOR
    if not local.away:
        local.away = True
        alerts.raise_alert(alerts.Kind.THROTTLE_LOCAL, "redis", type(error).__name__)


def _come_back() -> None:
    if local.away:
        local.away = False
        with local.lock:
            local.buckets.clear()
        alerts.settle(alerts.Kind.THROTTLE_LOCAL, "redis")
