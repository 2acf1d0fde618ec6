"""Publish times and expiry: met while the clock runs, and after an outage one or the other, never both."""

import pytest

from tests.operation import Operation

pytestmark = pytest.mark.timeout(240)

SECONDS_LATE = """
    row = Message.objects.get(pk={message})
    print((row.{happened} - row.{due}).total_seconds())
"""


def seconds_late(school: Operation, message: int, *, happened: str, due: str) -> float:
    return school.console.run(SECONDS_LATE.format(message=message, happened=happened, due=due))


def test_a_scheduled_message_is_published_within_2_seconds_of_its_time(school: Operation) -> None:
    school.enrol(20)
    message = school.publish(publish_at=3)
    school.wait_until_finished(message)
    assert 0 <= seconds_late(school, message, happened="published_at", due="publish_at") <= 2
    school.assert_ledger_equals_servers(message, people=20)


def test_expiry_is_met_within_2_seconds_and_ends_what_is_not_sent(school: Operation) -> None:
    school.enrol(20)
    # Nobody stands at the urgent lanes, so nothing can be sent before the expiry.
    message = school.publish(urgency="urgent", expires_at=5)
    school.wait_for_state(message, "queued", count=40)
    school.wait_until_settled(message)
    assert {row.status for channel in ("email", "sms") for row in school.deliveries(message, channel)} == {"expired"}
    assert 0 <= seconds_late(school, message, happened="ended_at", due="expires_at") <= 2
    assert school.taken(message) == 0
