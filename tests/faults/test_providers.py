"""Providers that hang, break off, answer with an error or refuse one of many."""

import time
from collections.abc import Callable

import pytest

from tests.operation import Operation, once
from tests.servers.base import Fault
from tests.services.stack import clock

pytestmark = [pytest.mark.timeout(1200), pytest.mark.production]
Rounds = Callable[[int, int], int]
#: What a test waits for a provider, in milliseconds, so that it need not wait long itself.
HURRIED = {"total_timeout_ms": 1500}
DUE_NOW = """
    from django.utils import timezone
    Delivery.objects.filter(status="waiting").update(due_at=timezone.now())
"""
LAST_ADDRESSES = """
    newest = ContactPoint.objects.filter(kind="email").order_by("-pk")
    print(json.dumps(list(newest.values_list("value", flat=True)[:2])))
"""


def assert_one_accept_and_the_list_was_asked(school: Operation, message: int, hit: str, *, asked: int) -> None:
    school.wait_until_finished(message)
    people = len(school.deliveries(message, "sms"))
    school.assert_ledger_equals_servers(message, people=people, channels=["sms"])
    assert school.states(message, "sms") == {"accepted": people}
    (row,) = [row for row in school.deliveries(message, "sms") if row.address == hit]
    assert (row.attempt, row.maybe_duplicate) == (1, 0), "it was not tried again"
    assert [entry["to"] for entry in school.twilio.accepted].count(hit) == 1
    assert school.twilio.lists > asked, "evidence was asked for"


def last_number(school: Operation, people: int) -> str:
    """The mobile number of the one enrolled last, to whom something is going to happen."""
    school.enrol(people)
    return school.console.run("print(json.dumps(ContactPoint.objects.filter(kind='mobile').last().value))")


def test_fault_13_a_provider_that_hangs_after_its_accept_is_left_in_time(school: Operation, rounds: Rounds) -> None:
    hit = last_number(school, 5)
    school.time_outs(total_timeout_ms=rounds(1500, 20000))
    school.twilio.script(once(Fault.HANG_AFTER_ACCEPT, to=hit))
    asked = school.twilio.lists
    message = school.publish(channels=["sms"])
    school.wait_for_state(message, "unknown", seconds=rounds(15, 60))
    # Its thread is free again for others, and so are the other threads of its worker.
    school.enrol(20)
    another = school.publish(channels=["sms"])
    school.wait_until_finished(another, seconds=10)
    assert_one_accept_and_the_list_was_asked(school, message, hit, asked=asked)


def test_fault_13_a_mail_server_that_hangs_after_its_accept_gets_the_same_message_again(school: Operation) -> None:
    school.enrol(5)
    school.time_outs(**HURRIED)
    before = len(school.smtp.accepted)
    school.smtp.script(once(Fault.HANG_AFTER_ACCEPT))
    message = school.publish(channels=["email"])
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=5, channels=["email"])
    assert [row.maybe_duplicate for row in school.deliveries(message, "email")] == [1, 0, 0, 0, 0]
    assert len({entry["message_id"] for entry in school.smtp.accepted[before:]}) == 5


def test_fault_14_an_error_after_the_accept_is_not_answered_with_another_message(school: Operation) -> None:
    hit = last_number(school, 5)
    school.twilio.script(once(Fault.ERROR_AFTER_ACCEPT, to=hit))
    asked = school.twilio.lists
    message = school.publish(channels=["sms"])
    school.wait_for_state(message, "unknown")
    assert_one_accept_and_the_list_was_asked(school, message, hit, asked=asked)


def test_fault_17_a_line_reset_in_the_answer_leaves_an_unknown_that_the_list_settles(school: Operation) -> None:
    hit = last_number(school, 1)
    asked = school.twilio.lists
    school.twilio_line.spoil(cut_answer_after=10)
    message = school.publish(channels=["sms"])
    school.wait_for_state(message, "unknown")
    school.twilio_line.heal()
    assert_one_accept_and_the_list_was_asked(school, message, hit, asked=asked)


def test_fault_17_a_line_reset_in_the_request_is_never_answered_by_a_blind_repetition(school: Operation) -> None:
    school.enrol(1)
    asked = school.twilio.lists
    school.twilio_line.spoil(cut_after=100)
    message = school.publish(channels=["sms"])
    school.wait_for_state(message, "unknown")
    school.twilio_line.heal()
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=1, channels=["sms"])
    assert school.failures(message, "sms") == {"unconfirmed": 1}
    assert school.twilio.lists > asked


def test_fault_17_an_answer_of_one_byte_a_second_meets_the_time_limit_of_the_whole(school: Operation) -> None:
    hit = last_number(school, 1)
    school.time_outs(**HURRIED)
    asked, before = school.twilio.lists, school.accepts()
    school.twilio_line.spoil(answer_rate=1)
    message = school.publish(channels=["sms"])
    school.wait_for_accepts(before + 1)
    started = time.monotonic()
    school.wait_for_state(message, "unknown")
    assert time.monotonic() - started < 6, "an answer of 500 bytes would take minutes"
    school.twilio_line.heal()
    assert_one_accept_and_the_list_was_asked(school, message, hit, asked=asked)


def test_fault_18_an_end_after_the_final_dot_and_a_4xx_for_one_of_many(school: Operation) -> None:
    school.enrol(5)
    dropped, deferred = school.console.run(LAST_ADDRESSES)
    faults = {dropped: Fault.DROP_AFTER_ACCEPT, deferred: Fault.DEFER}
    school.smtp.script(lambda _number, recipient: faults.pop(recipient, None))
    message = school.publish(channels=["email"])
    for _ in clock(20):
        states = {row.address: row.status for row in school.deliveries(message, "email")}
        if states and not {"queued", "claimed", "sending"} & set(states.values()):
            break
    assert states.pop(dropped) != "failed"
    assert states.pop(deferred) == "waiting", "its result is its own"
    assert set(states.values()) == {"accepted"}
    school.console.run(DUE_NOW)
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=5, channels=["email"])
    rows = {row.address: row for row in school.deliveries(message, "email")}
    assert (rows[dropped].attempt, rows[dropped].maybe_duplicate) == (2, 1)
    assert (rows[deferred].attempt, rows[deferred].maybe_duplicate) == (2, 0)
    assert len({entry["message_id"] for entry in school.smtp.accepted if entry["to"] == dropped}) == 1
