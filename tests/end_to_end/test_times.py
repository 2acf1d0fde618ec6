"""Publish times and expiry: met while the clock runs, and after an outage one or the other, never both."""

from collections.abc import Callable

import pytest

from tests.end_to_end.test_main_job import start_workers
from tests.school import School

pytestmark = pytest.mark.timeout(240)
Open = Callable[..., School]

SECONDS_LATE = """
    from django.db.models import F
    row = Message.objects.get(pk={message})
    print((row.{happened} - row.{due}).total_seconds())
"""


def seconds_late(school: School, message: int, *, happened: str, due: str) -> float:
    return school.console.run(SECONDS_LATE.format(message=message, happened=happened, due=due))


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
