"""Inbox: the Recipient row is the delivery, so the limit is what the database takes in one statement."""

import time
from functools import partial

from benchmarks import content, figures, pools, turns
from benchmarks.figures import Part, Row, Usage
from benchmarks.meter import Meter
from benchmarks.production import Production, check_count
from benchmarks.sizes import Sizes

BARE = (
    "INSERT INTO delivery_recipient (message_id, person_id, created_at) "
    "SELECT {message}, person_id, UTC_TIMESTAMP(6) FROM directory_membership WHERE unit_id = {unit}"
)
COUNT = "SELECT COUNT(*) FROM delivery_recipient WHERE message_id = {message}"


def run(sizes: Sizes, *, rounds: int) -> Part:
    with Production(sizes=[sizes.inbox]) as ours:
        ours.start(pools.INBOX)
        ways = {"raw": partial(bare, ours, sizes.inbox), "msgcenter": partial(ordinary, ours, sizes.inbox)}
        taken = turns.take(ways, rounds=max(rounds, sizes.inbox_rounds))
    return Part("inbox", f"Inbox, {sizes.inbox:,}", rows(taken))


def rows(taken: dict[str, tuple[Usage, ...]]) -> tuple[Row, ...]:
    ratio = figures.speed_ratio("inbox.vs_raw", taken["msgcenter"], taken["raw"], base="raw limit")
    return (
        Row("raw", "raw limit: one INSERT … SELECT", taken["raw"]),
        Row("msgcenter", "msgcenter", taken["msgcenter"], (ratio,)),
    )


def ordinary(ours: Production, count: int) -> Usage:
    return ours.measure(ours.write("inbox", ours.everybody(count), body=content.BODY), count)


def bare(ours: Production, count: int) -> Usage:
    """The same rows for a message that stays a draft."""
    message = ours.write("inbox", ours.everybody(count), body=content.BODY)
    ours.pause()
    with Meter(workers=(), servers=ours.servers()) as meter:
        started = time.perf_counter()
        ours.stack.rows(BARE.format(message=message, unit=ours.units[count]))
        seconds = time.perf_counter() - started
    check_count("the table", ours.stack.rows(COUNT.format(message=message))[0][0], count)
    return Usage(count, seconds, meter.cpu, meter.peak)
