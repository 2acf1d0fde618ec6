"""Faults around receipts: the provider took it, and then somebody died or kept silent."""

import collections
import random
from collections.abc import Callable

import pytest

from tests.operation import Operation
from tests.servers.twilio_callbacks import Report

pytestmark = [pytest.mark.timeout(240), pytest.mark.production]
Rounds = Callable[[int, int], int]
SWEEP = """
    from workers import sweep
    sweep.ring_again()
"""


@pytest.fixture
def school(school: Operation) -> Operation:
    school.twilio.reporter.answers.clear()
    return school


def die_after_the_first_accept(school: Operation) -> None:
    """The whole group of sending workers is killed when Twilio has the message, before it can answer."""
    doomed = [school.visitor() for _ in range(2)]

    def kill(_entry: dict) -> None:
        school.twilio.before_answer = None
        for one in doomed:
            one.kill9()

    school.twilio.before_answer = kill


def publish(school: Operation, *, people: int) -> int:
    school.enrol(people)
    return school.publish(channels=["sms"], urgency="urgent")


def test_fault_02_a_worker_killed_after_the_accept_is_told_by_the_callback(school: Operation) -> None:
    # So that nothing but the callback can tell.
    school.twilio.listed = False
    school.twilio.reports = lambda _entry: [Report("sent"), Report("delivered", after=0.5)]
    die_after_the_first_accept(school)
    message = publish(school, people=1)
    school.wait_for_state(message, "delivered", seconds=60)
    assert school.twilio.reporter.answers == [("sent", 202), ("delivered", 202)]
    assert_nothing_more_is_sent(school, message)


def test_fault_03_with_its_callbacks_lost_the_providers_list_tells(school: Operation) -> None:
    asked = school.twilio.lists
    die_after_the_first_accept(school)
    message = publish(school, people=1)
    school.wait_for_state(message, "accepted", seconds=60)
    assert school.twilio.reporter.answers == []
    assert school.twilio.lists > asked
    assert_nothing_more_is_sent(school, message)


def test_fault_19_20_shuffled_doubled_contradictory_and_forged_while_redis_dies(
    school: Operation, rounds: Rounds
) -> None:
    people = rounds(12, 30)
    chance = random.Random(19)
    genuine = [Report("queued"), Report("sent"), Report("undelivered", 30003), Report("delivered")] * 3

    def reports(_entry: dict) -> list[Report]:
        chance.shuffle(genuine)
        return [*genuine, Report("failed", 30005, forged=True)]

    before = receipts(school)
    school.twilio.reports = reports
    school.visitor()
    message = publish(school, people=people)
    school.twilio.reporter.wait(people)
    school.stack.redis.kill9()
    school.twilio.reporter.wait(people * 13, seconds=90)
    school.stack.redis.start()
    school.wait_for_state(message, "delivered", count=people, seconds=90)
    answers = collections.Counter(status for _word, status in school.twilio.reporter.answers)
    assert answers == {202: people * 12, 403: people}, "also while there is no broker"
    assert receipts(school) == before + people * 4
    school.stack.wait_for("SELECT COUNT(*) FROM delivery_receipt WHERE due_at IS NOT NULL", [(0,)], seconds=30)
    numbers = ", ".join(f"'{row.address}'" for row in school.deliveries(message, "sms"))
    dead = f"SELECT COUNT(*) FROM delivery_suppression WHERE value IN ({numbers})"
    assert school.stack.rows(dead) == [(0,)], "nobody's number is dead"
    assert_nothing_more_is_sent(school, message)


def receipts(school: Operation) -> int:
    return school.stack.rows("SELECT COUNT(*) FROM delivery_receipt")[0][0]


def assert_nothing_more_is_sent(school: Operation, message: int) -> None:
    """With workers there, and the message finished: everybody got exactly one, and the ledger says the same."""
    school.visitor()
    school.wait_until_finished(message)
    school.console.run(SWEEP)
    people = {row.address for row in school.deliveries(message, "sms")}
    assert collections.Counter(entry["to"] for entry in school.entries(message)) == dict.fromkeys(people, 1)
    school.assert_ledger_equals_servers(message, people=len(people), channels=["sms"])
    assert school.states(message, "sms").keys() <= {"accepted", "delivered"}
