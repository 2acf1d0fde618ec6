"""All workers killed at once, again and again, while e-mail and SMS go out: who got nothing, and who got it twice.

The moments are random numbers of accepts, so that every kill meets work on whatever machine, and a part of a second
after. `kill -9` is for the whole worker group; what publishes, beat and web stay.
"""

import random
import sys
import time
from collections.abc import Callable
from typing import Protocol

import redis

from benchmarks import content, pools, tally
from benchmarks.figures import Part, Row
from benchmarks.parts.sms import PATH
from benchmarks.peers import DATABASE, Peers
from benchmarks.production import PATIENCE, Production, smtp_account, twilio_account, wait_for
from benchmarks.providers import Providers
from benchmarks.sizes import Sizes
from benchmarks.tally import Owed, Tally
from tests import oracle
from tests.services import process

LEASE = 6
ENVIRONMENT = {"MSGCENTER_LEASE_SECONDS": str(LEASE), "MSGCENTER_RING_AGAIN_SECONDS": "2"}
#: Time that a provider has: less than half a lease.
TIME_OUTS = {"connect_timeout_ms": 1000, "total_timeout_ms": 2500}
LATENCY = 0.005
#: Seconds after which Redis gives a message of a dead plain worker to another; Celery's default is an hour.
VISIBILITY = 15
#: Seconds from the accept a kill waits for to the kill, at most, and without an accept until all is over.
JITTER, QUIET = 0.2, 5.0
COLUMNS = ("owed", "sent", "lost", "not sent, said so", "database wrong", "twice", "and said so", "s", "holds")
TITLES = {
    "msgcenter": "msgcenter",
    "celery": "plain Celery, a task for each recipient",
    "celery_late": "the same with acks_late",
}
OPEN = "SELECT COUNT(*) FROM delivery_delivery WHERE status IN ('waiting', 'queued', 'claimed', 'sending', 'unknown')"


class Group(Protocol):
    """Worker processes that live and die together."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


def run(sizes: Sizes, *, rounds: int) -> Part:
    """Once, whatever `rounds`: it counts, and what it counts is to be 0."""
    taken: dict[str, tuple[Tally, float]] = {}
    with Production(sizes=[sizes.kills_people], environment=ENVIRONMENT) as ours:
        for name, measure in (("msgcenter", killed_msgcenter), ("celery", killed_plain), ("celery_late", killed_late)):
            started = time.monotonic()
            with Providers(ours.stack.folder / name, latency=LATENCY) as providers:
                result = measure(ours, providers, sizes)
            taken[name] = result, time.monotonic() - started
            print(f"  {name}: {result} in {taken[name][1]:.0f} s", file=sys.stderr, flush=True)
    title = f"{sizes.kills} × kill -9 of all workers, {sizes.kills_people:,} e-mails and as many SMS, seed {sizes.seed}"
    others = {"seed": float(sizes.seed), "kills": float(sizes.kills)}
    return Part("kills", title, rows(taken), others | figures(taken), COLUMNS)


def rows(taken: dict[str, tuple[Tally, float]]) -> tuple[Row, ...]:
    return tuple(Row(name, TITLES[name], cells=cells(one, seconds)) for name, (one, seconds) in taken.items())


def cells(one: Tally, seconds: float) -> tuple[str, ...]:
    numbers = (one.owed, one.sent, one.lost, one.given_up, one.wrong, one.twice, one.twice_said, round(seconds))
    return (*(f"{number:,}" for number in numbers), "yes" if one.holds else "NO")


def figures(taken: dict[str, tuple[Tally, float]]) -> dict[str, float]:
    names = ("owed", "sent", "lost", "given_up", "wrong", "twice", "twice_said", "twice_unsaid")
    found = {f"{row}.{name}": float(getattr(one, name)) for row, (one, _seconds) in taken.items() for name in names}
    return found | {f"{row}.seconds": seconds for row, (_one, seconds) in taken.items()}


def kill_at_random(group: Group, accepts: Callable[[], int], *, total: int, sizes: Sizes) -> None:
    """Each kill comes after at least one accept of the group it kills."""
    chance = random.Random(sizes.seed)
    moments = sorted(chance.randrange(1, int(total * 0.9)) for _ in range(sizes.kills))
    for number, moment in enumerate(moments, start=1):
        wait_for(accepts, max(moment, accepts() + 1))
        time.sleep(chance.uniform(0, JITTER))
        group.kill()
        print(f"  kill {number} at {accepts():,} accepts", file=sys.stderr, flush=True)
        group.start()


def kill_together(workers: list[process.Process]) -> None:
    for worker in workers:
        worker.signal_group(9)
    for worker in workers:
        worker.wait()


# --- msgcenter --------------------------------------------------------------------------------------------------------
class OurWorkers:
    def __init__(self, ours: Production) -> None:
        self.ours = ours
        self.ours.start(pools.EMAIL)

    def kill(self) -> None:
        kill_together(self.ours.pools[:-1])

    def start(self) -> None:
        workers = self.ours.workers(pools.EMAIL)
        self.ours.wait_until_ready(workers)
        self.ours.pools = [*workers, self.ours.pools[-1]]


def killed_msgcenter(ours: Production, providers: Providers, sizes: Sizes) -> Tally:
    accounts = (smtp_account(providers.smtp.port), twilio_account(providers.url))
    ours.connect(*((channel, name, settings | TIME_OUTS) for channel, name, settings in accounts))
    group = OurWorkers(ours)
    people = sizes.kills_people
    message = ours.write("email", ours.everybody(people), body=content.SMS, also=["sms"])
    ours.publish(message)
    kill_at_random(group, providers.taken, total=2 * people, sizes=sizes)
    wait_for(lambda: 2 * people - int(ours.stack.rows(OPEN)[0][0]), 2 * people)
    # Its workers would take part in what comes next.
    ours.end()
    owed = [as_owed(row) for channel in ("email", "sms") for row in oracle.deliveries(ours.stack, message, channel)]
    if len(owed) != 2 * people:
        raise RuntimeError(f"{len(owed)} deliveries, {2 * people} were to be")
    return tally.count(owed, providers.accepted())


def as_owed(row: oracle.Row) -> Owed:
    taken = row.status in oracle.TAKEN
    given_up = row.status in oracle.FINAL - oracle.TAKEN and bool(row.reason)
    return Owed(address=row.address, taken=taken, given_up=given_up, flagged=bool(row.maybe_duplicate))


# --- plain Celery -----------------------------------------------------------------------------------------------------
class PlainWorkers:
    def __init__(self, peers: Peers) -> None:
        self.peers = peers
        self.broker = redis.Redis.from_url(peers.env["PLAIN_REDIS_URL"])
        self.peers.worker.resume()

    def kill(self) -> None:
        self.peers.worker.kill9()

    def start(self) -> None:
        self.peers.worker = self.peers.start_worker()
        self.peers.worker.wait_until(self.peers.asks_for_work, seconds=60)

    def left(self) -> int:
        """Messages in the queue, and with a worker, be it alive or dead."""
        return int(self.broker.llen("celery")) + int(self.broker.hlen("unacked"))

    def settle(self, accepts: Callable[[], int]) -> None:
        """Until nothing is left. A worker looks for messages of dead ones when it starts: it is started again."""
        before, moved = accepts(), time.monotonic()
        restarted = moved
        while self.left() or time.monotonic() - moved < QUIET:
            time.sleep(0.2)
            if accepts() > before:
                before, moved = accepts(), time.monotonic()
            if time.monotonic() - max(moved, restarted) > VISIBILITY + QUIET:
                self.kill()
                self.start()
                restarted = time.monotonic()
            if time.monotonic() - moved > PATIENCE:
                raise TimeoutError(f"{self.left()} messages are left in the broker")


def killed_plain(ours: Production, providers: Providers, sizes: Sizes, *, late: bool = False) -> Tally:
    settings = {"PLAIN_VISIBILITY_SECONDS": str(VISIBILITY), "PLAIN_ACKS_LATE": str(int(late))}
    peers = Peers(ours, smtp_port=providers.smtp.port, sms_url=providers.url + PATH, settings=settings)
    group = PlainWorkers(peers)
    try:
        for channel in ("email", "sms"):
            peers.publisher.order(way="celery", channel=channel, count=sizes.kills_people)
        kill_at_random(group, providers.taken, total=2 * sizes.kills_people, sizes=sizes)
        for _ in range(2):
            peers.publisher.answer()
        group.settle(providers.taken)
        found = peers.database.execute("SELECT address, status FROM plain_celery_notification", database=DATABASE)
    finally:
        peers.stop()
        group.broker.flushdb()
        group.broker.close()
    return tally.count([Owed(address=str(to), taken=status == "sent") for to, status in found], providers.accepted())


def killed_late(ours: Production, providers: Providers, sizes: Sizes) -> Tally:
    return killed_plain(ours, providers, sizes, late=True)
