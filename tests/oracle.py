"""The ledger oracle: what the fake providers fsynced as accepted against what the database says became of it."""

import collections
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.servers.ledger import Entry
from tests.services.stack import Stack

TAKEN = frozenset({"accepted", "delivered"})
FINAL = TAKEN | {"failed", "cancelled", "expired", "suppressed"}
COUNTERS = ("accepted", "delivered", "failed", "cancelled", "expired", "suppressed")
DELIVERIES = """
    SELECT d.address, d.status, d.reason, d.attempt, d.maybe_duplicate FROM delivery_delivery d
    JOIN messaging_messagechannel mc ON mc.id = d.message_channel_id
    JOIN channels_channel c ON c.id = mc.channel_id
    WHERE mc.message_id = {message} AND c.key = '{channel}' ORDER BY d.id
"""


@dataclass(frozen=True)
class Row:
    """One delivery as the database tells it."""

    address: str
    status: str
    reason: str
    attempt: int
    maybe_duplicate: int


def deliveries(stack: Stack, message: int, channel: str) -> list[Row]:
    return [Row(*row) for row in stack.rows(DELIVERIES.format(message=message, channel=channel))]


def assert_ledger(stack: Stack, message: int, *, accepted: Mapping[str, Iterable[Entry]], people: int) -> None:
    """Design §8. `accepted` maps each channel of the message that leaves the house to its provider's ledger.

    The provider may have accepted more for others; whoever is in this message must be in no other of the same run.
    """
    (frozen,) = stack.rows(
        f"SELECT COUNT(*), COUNT(DISTINCT person_id) FROM delivery_recipient WHERE message_id = {message}"
    )
    assert frozen == (people, people), "the audience, everybody once"
    for channel, entries in accepted.items():
        assert_channel(deliveries(stack, message, channel), entries, people=people)
    assert_counters(stack, message)


def assert_channel(rows: list[Row], entries: Iterable[Entry], *, people: int) -> None:
    assert len(rows) == people, "one delivery per person and channel"
    states = collections.Counter(row.status for row in rows)
    assert states.keys() <= FINAL, "every delivery is final"
    addresses = {row.address for row in rows}
    taken = collections.Counter(entry["to"] for entry in entries if entry["to"] in addresses)
    assert set(taken) == {row.address for row in rows if row.status in TAKEN}, "both say the same"
    limits = {row.address: limit(row) for row in rows}
    assert {address: times for address, times in taken.items() if times > limits[address]} == {}, "twice, unsaid"


def limit(row: Row) -> int:
    """I5: a provider accepts a row at most once, and once more for each repetition that the row admits."""
    return max(2, row.attempt) if row.maybe_duplicate else 1


def assert_counters(stack: Stack, message: int) -> None:
    """I8: every counter is what GROUP BY says."""
    sums = ", ".join(f"COALESCE(SUM(d.status = '{status}'), 0)" for status in COUNTERS)
    counters = ", ".join(f"mc.{status}" for status in COUNTERS)
    for total, *both in stack.rows(
        f"SELECT mc.total - COUNT(d.id), {counters}, {sums} FROM messaging_messagechannel mc"
        " JOIN delivery_delivery d ON d.message_channel_id = mc.id"
        f" WHERE mc.message_id = {message} GROUP BY mc.id, mc.total, {counters}"
    ):
        assert total == 0
        numbers = [int(number) for number in both]
        assert numbers[: len(COUNTERS)] == numbers[len(COUNTERS) :]
