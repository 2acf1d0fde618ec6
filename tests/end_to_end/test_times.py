"""Publish times and expiry: met while the clock runs, and after an outage one or the other, never both."""

import threading
import time
from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import School
from tests.end_to_end.test_main_job import start_workers

pytestmark = pytest.mark.timeout(240)
Open = Callable[..., School]

SECONDS_LATE = """
    from django.db.models import F
    row = Message.objects.get(pk={message})
    print((row.{happened} - row.{due}).total_seconds())
"""


def seconds_late(school: School, message: int, *, happened: str, due: str) -> float:
    return school.stack.shell(SECONDS_LATE.format(message=message, happened=happened, due=due))


def test_a_scheduled_message_is_published_within_2_seconds_of_its_time(open_school: Open) -> None:
    school = open_school(20)
    start_workers(school)
    message = school.publish(publish_at=4)
    school.wait_until_finished(message)
    assert 0 <= seconds_late(school, message, happened="published_at", due="publish_at") <= 2
    school.assert_ledger_equals_servers(message, people=20)


def test_expiry_is_met_within_2_seconds_and_ends_what_is_not_sent(open_school: Open) -> None:
    school = open_school(20)
    # No pool takes the channels' lanes, so nothing can be sent before the expiry.
    school.stack.worker(queues=["fanout", "periodic"], concurrency=2)
    school.stack.beat()
    message = school.publish(expires_at=5)
    school.stack.wait_for("SELECT DISTINCT status FROM delivery_delivery", [("expired",)])
    assert 0 <= seconds_late(school, message, happened="ended_at", due="expires_at") <= 2
    assert school.accepts() == 0


def test_fault_21_after_an_outage_two_beats_and_a_cron_tick_publish_once(open_school: Open) -> None:
    school = open_school(20)
    message = school.publish(publish_at=2)
    time.sleep(4)
    assert school.stack.rows("SELECT status FROM messaging_message") == [("scheduled",)]
    together = threading.Barrier(3)

    def tick() -> None:
        together.wait()
        school.stack.manage("sweep")

    ticks = [threading.Thread(target=tick) for _ in range(3)]
    for thread in ticks:
        thread.start()
    start_workers(school)
    school.stack.beat()
    for thread in ticks:
        thread.join()
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=20)
    assert school.accepts() == 40
    begun = school.stack.rows("SELECT COUNT(*) FROM audit_entry WHERE verb = 'begin'")
    assert begun == [(1,)]


def test_fault_22_after_an_outage_over_publish_time_and_expiry_it_expires_and_nothing_is_sent(
    open_school: Open,
) -> None:
    school = open_school(20)
    message = school.publish(publish_at=2, expires_at=4)
    time.sleep(5)
    start_workers(school)
    school.stack.wait_for(f"SELECT status FROM messaging_message WHERE id = {message}", [("expired",)])
    assert school.stack.rows("SELECT COUNT(*) FROM delivery_delivery") == [(0,)]
    assert school.accepts() == 0
