"""All workers at once, killed again and again at random moments under load."""

import collections
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.operation import Operation

pytestmark = pytest.mark.timeout(2400)
Rounds = Callable[[int, int], int]
#: Each of the group's threads has one row on the line.
THREADS = 4


def kill_group(school: Operation) -> None:
    group = (school.house, school.bulk)
    for worker in group:
        worker.signal_group(signal.SIGKILL)
    for worker in group:
        worker.wait()


def test_fault_04_all_workers_killed_at_random_lose_nobody_and_admit_every_double(
    school: Operation, rounds: Rounds
) -> None:
    people, kills = rounds(600, 20_000), rounds(4, 20)
    school.enrol(people)
    school.twilio.latency = 0.005
    chance = random.Random(4)
    moments = sorted(chance.randrange(1, int(2 * people * 0.9)) for _ in range(kills))
    before = school.accepts()
    message = school.publish(channels=["email", "sms"])
    for moment in moments:
        school.wait_for_accepts(max(before + moment, school.accepts() + 1), seconds=120)
        time.sleep(chance.uniform(0, 0.05))
        kill_group(school)
        assert school.accepts() - before < 2 * people, "it was killed in the middle"
        school.start_missing()
    school.wait_until_finished(message, seconds=rounds(180, 1800))
    school.assert_ledger_equals_servers(message, people=people)
    assert school.states(message, "email") == {"accepted": people}
    failures = school.failures(message, "sms")
    assert failures.keys() <= {"unconfirmed"}
    repeated = sum(row.maybe_duplicate for row in school.deliveries(message, "email"))
    assert failures.total() + repeated <= kills * THREADS, "only what was on the line is in doubt"
    texts = collections.Counter(entry["to"] for entry in school.entries(message, "sms"))
    assert max(texts.values()) == 1, "an SMS is never repeated"
