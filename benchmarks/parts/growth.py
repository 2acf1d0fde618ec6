"""Growth: what a delivery, a worker and a publish request cost in a large school, against a small one.

Two schools, each with a directory as large as the audience, in turns; the workers are new for every measurement.
"""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from benchmarks import content, pools, turns
from benchmarks.figures import Part, Ratio, Row, Usage
from benchmarks.meter import peak_resident
from benchmarks.production import Production, smtp_account
from benchmarks.sinks import MailSink
from benchmarks.sizes import Sizes

SETTLE = "UPDATE messaging_message SET status = 'recalled' WHERE status = 'publishing'"


@dataclass
class School:
    ours: Production
    sink: MailSink
    size: int
    #: Peak of the workers after each round, in MiB.
    memory: list[float] = field(default_factory=list)

    def measure(self) -> Usage:
        self.ours.start(pools.GROWTH)
        message = self.ours.write("email", self.ours.everybody(self.size), body=content.BODY)
        usage = self.ours.measure(message, self.size, taken=lambda: self.sink.taken)
        self.memory.append(peak_resident(worker.pid for worker in self.ours.pools))
        self.ours.end()
        return usage


def run(sizes: Sizes, *, rounds: int) -> Part:
    small, large = sizes.growth_small, sizes.growth_large
    with ExitStack() as opened:
        schools = {
            "small": open_school(opened, [small], size=small),
            "large": open_school(opened, [small, large], size=large),
        }
        taken = turns.take({name: partial(school.measure) for name, school in schools.items()}, rounds=rounds)
        requests = publish_seconds(schools["large"].ours, (small, large), times=sizes.publish_requests)
    memory = {name: statistics.median(school.memory) for name, school in schools.items()}
    return Part("growth", f"Growth, {small:,} to {large:,}", rows(taken, memory, requests), others(memory, requests))


def open_school(opened: ExitStack, classes: Sequence[int], *, size: int) -> School:
    ours = opened.enter_context(Production(sizes=classes))
    sink = MailSink(ours.stack.folder)
    opened.callback(sink.stop)
    ours.connect(smtp_account(sink.port))
    return School(ours, sink, size)


def publish_seconds(ours: Production, audiences: tuple[int, int], *, times: int) -> tuple[float, float]:
    """Medians of the publish request for the small and the large audience of one school, in turns, no worker on.

    All are written first: whoever writes is told how many people it is for, and the request after a count of 200,000
    finds everything cold.
    """
    taken: dict[int, list[float]] = {size: [] for size in audiences}
    written = [(size, ours.write("email", ours.everybody(size), body=content.BODY)) for size in audiences * times]
    for size, message in written:
        started = time.perf_counter()
        ours.publish(message)
        taken[size].append(time.perf_counter() - started)
    ours.stack.rows(SETTLE)
    ours.stack.redis.flushall()
    small, large = (statistics.median(taken[size]) for size in audiences)
    return small, large


def rows(
    taken: dict[str, tuple[Usage, ...]], memory: dict[str, float], requests: tuple[float, float]
) -> tuple[Row, ...]:
    small, large = (Row(name, f"msgcenter, {taken[name][0].deliveries:,} e-mails", taken[name]) for name in taken)
    ratios = (
        Ratio("growth.cost", large.median("cpu_per_1000") / small.median("cpu_per_1000"), "CPU of a delivery"),
        Ratio("growth.memory", memory["large"] / memory["small"], "memory of the workers"),
        Ratio("growth.wall", small.median("per_s") / large.median("per_s"), "time of a delivery"),
    )
    milliseconds = tuple(f"{seconds * 1000:.1f} ms" for seconds in requests)
    publish = Ratio("growth.publish", requests[1] / requests[0], "publish request")
    return (
        small,
        Row(large.key, large.title, large.rounds, ratios),
        Row("publish_small", "publish request, small audience", figure=milliseconds[0]),
        Row("publish_large", "publish request, large audience", figure=milliseconds[1], ratios=(publish,)),
    )


def others(memory: dict[str, float], requests: tuple[float, float]) -> dict[str, float]:
    return {
        "publish_small_ms": requests[0] * 1000,
        "publish_large_ms": requests[1] * 1000,
        "resident_small_mib": memory["small"],
        "resident_large_mib": memory["large"],
    }
