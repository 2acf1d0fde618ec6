"""Processes that die, stop or are told to end while they hold deliveries."""

import collections
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.operation import HOUSE, SHORT_LEASE, Operation, accept, once
from tests.servers.base import Fault
from tests.services.stack import clock

pytestmark = [pytest.mark.production, pytest.mark.timeout(1200)]
Rounds = Callable[[int, int], int]
#: So many rows are `sending` in one thread at a provider that nobody knows yet.
SMS_WINDOW = 10
#: Fan-out goes by the ids of the directory.
TO_THE_FIRST = """
    from apps.directory.models import Membership
    from apps.messaging.models import Message
    first = Membership.objects.filter(unit={unit}).order_by("person").values_list("person", flat=True).first()
    Message.objects.filter(pk={message}).update(fan_out_cursor=first - 1)
"""


def test_fault_01_killed_before_the_call_what_was_claimed_goes_out_once(school: Operation) -> None:
    school.enrol(40)
    doomed = school.visitor(concurrency=1)

    def kill(_number: int, _recipient: str) -> Fault:
        """The provider has seen a request begin, and nothing of it is taken."""
        doomed.kill9()
        return Fault.DROP

    school.twilio.script(kill)
    with school.large_batches("sms", window=SMS_WINDOW):
        message = school.publish(channels=["sms"], urgency="urgent")
        doomed.wait()
    assert school.taken(message) == 0
    left = {row.address: row.status for row in school.deliveries(message, "sms")}
    held = {address for address, status in left.items() if status == "claimed"}
    assert len(held) >= 40 - SMS_WINDOW
    school.twilio.script(accept)
    school.visitor()
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=40, channels=["sms"])
    rows = {row.address: row for row in school.deliveries(message, "sms")}
    assert {(rows[one].status, rows[one].attempt, rows[one].maybe_duplicate) for one in held} == {("accepted", 1, 0)}
    others = [rows[one] for one in rows.keys() - held]
    in_doubt = [row for row in others if (row.status, row.maybe_duplicate) != ("accepted", 0)]
    assert [row.reason for row in in_doubt] in ([], ["unconfirmed"]), "only what was on the line"


def kill_after_an_accept(school: Operation, channel: str, *, people: int) -> tuple[int, str]:
    """The provider takes one message and the worker dies before it hears of it. Returns message and address."""
    school.enrol(people)
    server = school.smtp if channel == "email" else school.twilio
    server.script(once(Fault.HANG_AFTER_ACCEPT))
    hangs, before = server.faults[Fault.HANG_AFTER_ACCEPT], len(server.accepted)
    doomed = school.visitor(concurrency=1)
    message = school.publish(channels=[channel], urgency="urgent")
    for _ in clock(30, step=0.01):
        if server.faults[Fault.HANG_AFTER_ACCEPT] > hangs and len(server.accepted) > before:
            break
    doomed.kill9()
    (entry,) = server.accepted[before:]
    return message, entry["to"]


def test_fault_03_killed_after_the_accept_the_providers_list_tells(school: Operation) -> None:
    message, hit = kill_after_an_accept(school, "sms", people=12)
    asked = school.twilio.lists
    school.visitor()
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=12, channels=["sms"])
    (row,) = [row for row in school.deliveries(message, "sms") if row.address == hit]
    assert (row.status, row.attempt, row.maybe_duplicate) == ("accepted", 1, 0)
    assert school.twilio.lists > asked, "no callback came: the list was asked"
    assert school.states(message, "sms") == {"accepted": 12}, "nothing else was in doubt"


def test_fault_03_where_there_is_no_list_an_email_is_repeated_and_says_so(school: Operation) -> None:
    message, hit = kill_after_an_accept(school, "email", people=12)
    school.visitor()
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=12, channels=["email"])
    assert school.states(message, "email") == {"accepted": 12}
    (row,) = [row for row in school.deliveries(message, "email") if row.maybe_duplicate]
    assert (row.address, row.attempt) == (hit, 2), "nothing else was in doubt"
    copies = [entry["message_id"] for entry in school.smtp.accepted if entry["to"] == hit]
    assert len(copies) == 2
    assert len(set(copies)) == 1, "a mail server or reader can tell that they are one"


def test_fault_05_fan_out_killed_anywhere_leaves_no_gap_and_no_double(school: Operation, rounds: Rounds) -> None:
    kills = rounds(2, 20)
    people = 700 * kills
    school.enrol(people)
    slices = {"MSGCENTER_FAN_OUT_SLICE": "20", "MSGCENTER_RING_AGAIN_SECONDS": "1"}
    chance = random.Random(5)
    school.house.kill9()
    message = school.publish()
    # With slices as small as these it would go through all whom other tests have enrolled for minutes.
    school.console.run(TO_THE_FIRST.format(message=message, unit=school.unit))
    frozen = f"SELECT COUNT(*) FROM delivery_recipient WHERE message_id = {message}"
    for _ in range(kills):
        (before,) = school.stack.rows(frozen)[0]
        school.house = school.stack.worker(queues=HOUSE, concurrency=2, env=slices)
        for _ in clock(30, step=0.002):
            if school.stack.rows(frozen)[0][0] > before:
                break
        time.sleep(chance.uniform(0, 0.02))
        school.house.kill9()
        assert before < school.stack.rows(frozen)[0][0] < people, "it was killed in the middle"
    school.start_missing()
    # Ten times the people in full.
    school.wait_until_finished(message, seconds=rounds(40, 400))
    school.assert_ledger_equals_servers(message, people=people)
    assert school.taken(message) == 2 * people


def test_fault_24_a_zombie_changes_and_sends_nothing(school: Operation, rounds: Rounds) -> None:
    school.enrol(60)
    lease, asleep = rounds(SHORT_LEASE, 60), rounds(SHORT_LEASE + 3, 150)
    school.twilio.latency = school.smtp.latency = 0.05
    zombie = school.visitor(concurrency=2, lease=lease)
    message = school.publish(urgency="urgent")
    before = school.accepts()
    school.wait_for_accepts(before + 8)
    zombie.pause()
    school.visitor(concurrency=4, lease=lease)
    time.sleep(asleep)
    taken = school.taken(message)
    zombie.resume()
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=60)
    assert taken < 120 or school.taken(message) == taken, "what came after it woke up"
    sms = collections.Counter(entry["to"] for entry in school.twilio.accepted)
    assert {sms[row.address] for row in school.deliveries(message, "sms")} <= {0, 1}
    assert school.failures(message, "sms").total() <= 2 * SMS_WINDOW
    assert school.states(message, "email") == {"accepted": 60}


def test_fault_27_told_to_end_under_load_a_worker_ends_in_time_and_frees_its_rows(
    school: Operation, rounds: Rounds
) -> None:
    school.twilio.latency = school.smtp.latency = 0.02
    published = []
    for _ in range(rounds(3, 50)):
        school.enrol(60)
        visitor = school.visitor(concurrency=4, lease=12)
        published.append(school.publish(urgency="urgent"))
        school.wait_for_accepts(school.accepts() + 10)
        visitor.send(signal.SIGTERM)
        started = time.monotonic()
        visitor.wait(60)
        assert time.monotonic() - started < 40
        held = "SELECT COUNT(*) FROM delivery_delivery WHERE status IN ('claimed', 'sending')"
        assert school.stack.rows(held) == [(0,)], "its leases are free at once"
    school.twilio.latency = school.smtp.latency = 0.0
    school.visitor(concurrency=4, lease=12)
    for message in published:
        school.wait_until_finished(message)
        school.assert_ledger_equals_servers(message, people=60)
        assert school.taken(message) == 120, "nobody was missed and nobody met twice"
