"""The raw limit of a channel: children that do nothing but send, while everything of ours stands still."""

import time
from collections.abc import Sequence

from benchmarks.driver import Driver
from benchmarks.figures import Usage
from benchmarks.meter import Meter
from benchmarks.production import Production, check_count
from benchmarks.sinks import MailSink, SmsSink


def measure(
    ours: Production, senders: Sequence[Driver], sink: MailSink | SmsSink, count: int, **order: object
) -> Usage:
    """`count` shared among the senders, each with the same `order`."""
    ours.pause()
    before = sink.taken
    with Meter(workers=[sender.pid for sender in senders]) as meter:
        started = time.perf_counter()
        for sender in senders:
            sender.order(count=count // len(senders), **order)
        for sender in senders:
            sender.answer()
        seconds = time.perf_counter() - started
    check_count("the server", sink.taken - before, count)
    return Usage(count, seconds, meter.cpu, meter.peak)
