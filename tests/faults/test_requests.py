"""Requests that come fifty times at once, and an emergency that comes in the middle of a flood."""

import collections
import threading
import time
from collections.abc import Callable

import pytest
import requests

from tests.operation import Operation
from tests.services.stack import clock

pytestmark = pytest.mark.timeout(1200)
Rounds = Callable[[int, int], int]
TIMES = 50


def in_parallel(send: Callable[[], requests.Response]) -> list[requests.Response]:
    """What was answered to `send`, called by fifty threads at the same time."""
    together = threading.Barrier(TIMES)
    answers: list[requests.Response] = []

    def call() -> None:
        together.wait()
        answers.append(send())

    threads = [threading.Thread(target=call) for _ in range(TIMES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == TIMES
    return answers


def test_fault_26_fifty_posts_with_one_key_make_one_message_and_are_told_the_same(school: Operation) -> None:
    school.enrol(5)
    body = school.draft()
    answers = in_parallel(lambda: school.post("messages", body, key="double-click"))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert {school.post("messages", body, key="double-click").json()["id"]} == made
    (message,) = made
    published = in_parallel(lambda: school.post(f"messages/{message}/publish"))
    assert collections.Counter(answer.status_code for answer in published) == {200: 1, 409: TIMES - 1}
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=5)
    assert school.taken(message) == 10
    same = f"SELECT COUNT(*) FROM messaging_messagechannel mc WHERE mc.message_id >= {message}"
    assert school.stack.rows(same) == [(2,)], "there is no other message"


def test_fault_33_an_emergency_does_not_wait_for_a_flood(school: Operation, rounds: Rounds) -> None:
    flood = rounds(2000, 250_000)
    school.enrol(flood)
    school.smtp.latency = school.twilio.latency = 0.002
    school.visitor(lease=12)
    bulk = school.publish()
    school.wait_for_accepts(school.accepts() + 20)
    school.enrol(1)
    started = time.monotonic()
    emergency = school.publish(channels=["sms"], urgency="emergency")
    for _ in clock(10, step=0.01):
        if school.taken(emergency):
            break
    assert school.taken(emergency) == 1, f"not accepted {time.monotonic() - started:.1f} s after it was published"
    assert school.taken(bulk) < 2 * flood, "the flood was still under way"
    school.wait_until_finished(emergency)
    school.assert_ledger_equals_servers(emergency, people=1, channels=["sms"])
    # Enough of it: whoever is in it by now has got it or never will.
    school.recall(bulk)
    school.wait_until_settled(bulk, seconds=rounds(60, 300))
    (frozen,) = school.stack.rows(f"SELECT COUNT(*) FROM delivery_recipient WHERE message_id = {bulk}")
    school.assert_ledger_equals_servers(bulk, people=frozen[0])
