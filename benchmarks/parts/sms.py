"""SMS over an HTTP API that takes its time: how much of it is kept busy."""

from collections.abc import Sequence
from functools import partial

from benchmarks import content, figures, pools, raw, turns
from benchmarks.driver import Driver
from benchmarks.figures import Part, Row, Usage
from benchmarks.peers import Peers
from benchmarks.production import Production, twilio_account
from benchmarks.sinks import SmsSink
from benchmarks.sizes import Sizes

PATH = "/2010-04-01/Accounts/AC/Messages.json"
TITLES = {
    "raw": "raw limit: the HTTP calls, nothing else",
    "msgcenter": "msgcenter",
    "celery": "plain Celery, a task for each recipient",
    "loop": "loop without a queue",
}


def run(sizes: Sizes, *, rounds: int) -> Part:
    (pool,) = pools.SMS
    with Production(sizes=[sizes.sms]) as ours:
        sink = SmsSink(ours.stack.folder, latency=sizes.latency)
        ours.connect(twilio_account(sink.url))
        ours.start(pools.SMS)
        logs = [ours.stack.folder / f"raw-{number}.log" for number in range(pool.processes)]
        senders = [Driver(["benchmarks.raw_sms", sink.url + PATH, pool.threads], log=log) for log in logs]
        peers = Peers(ours, sms_url=sink.url + PATH)
        try:
            taken = turns.take(ways(sizes, ours, peers, senders, sink), rounds=rounds)
        finally:
            peers.stop()
            for one in (*senders, sink):
                one.stop()
    title = f"SMS, {sizes.sms:,} at {sizes.latency * 1000:.0f} ms, {pool.processes} × {pool.threads} threads"
    return Part("sms", title, rows(taken))


def ways(
    sizes: Sizes, ours: Production, peers: Peers, senders: Sequence[Driver], sink: SmsSink
) -> dict[str, partial[Usage]]:
    def peer(way: str, count: int) -> partial[Usage]:
        return partial(peers.measure, way, "sms", count, taken=lambda: sink.taken)

    return {
        "raw": partial(raw.measure, ours, senders, sink, sizes.sms),
        "msgcenter": partial(ordinary, ours, sink, sizes.sms),
        "celery": peer("celery", sizes.sms_celery),
        "loop": peer("loop", sizes.sms_loop),
    }


def ordinary(ours: Production, sink: SmsSink, count: int) -> Usage:
    message = ours.write("sms", ours.everybody(count), body=content.SMS)
    return ours.measure(message, count, taken=lambda: sink.taken)


def rows(taken: dict[str, tuple[Usage, ...]]) -> tuple[Row, ...]:
    ours = taken["msgcenter"]
    ratios = {
        "msgcenter": [
            figures.speed_ratio("sms.vs_raw", ours, taken["raw"], base="raw limit"),
            figures.speed_ratio("sms.vs_celery", ours, taken["celery"], base="plain Celery"),
            figures.speed_ratio("sms.vs_loop", ours, taken["loop"], base="loop"),
        ]
    }
    return tuple(Row(key, TITLES[key], usages, tuple(ratios.get(key, ()))) for key, usages in taken.items())
