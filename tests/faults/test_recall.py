"""What changes between the claim and the call: a recall, an opt-out, a row that cannot be rendered."""

import time

import pytest

from tests.operation import Operation

pytestmark = pytest.mark.timeout(1200)
#: The window of the channel SMS, and the threads that may have one.
SMS_WINDOW, THREADS = 5, 4
#: Tells whose row was claimed in the moment of the opt-out.
OPT_OUT = """
    row = Delivery.objects.filter(message_channel__message={message}).order_by("pk").last()
    Suppression.objects.create(kind="mobile", value=row.address, reason="opted_out")
    row.refresh_from_db()
    print(json.dumps([row.address, row.status]))
"""
SPOIL_ONE = """
    from apps.messaging.models import AudienceRow, AudienceRule
    people = list(Person.objects.filter(memberships__unit={unit}).order_by("pk").values_list("pk", flat=True))
    message.audience_rules.all().delete()
    AudienceRule.objects.create(message=message, uploaded=True)
    AudienceRow.objects.bulk_create(
        AudienceRow(message=message, person_id=pk, values={{"room": f"R{{pk}}"}}) for pk in people
    )
    AudienceRow.objects.filter(message=message, person=people[500]).update(values={{"rooom": "typo"}})
    Message.objects.filter(pk=message.pk).update(content="((name)): ((room))")
"""


def test_fault_25_nothing_starts_after_a_recall_and_what_was_under_way_is_told(school: Operation) -> None:
    school.enrol(100)
    school.twilio.latency = school.smtp.latency = 0.1
    message = school.publish()
    school.wait_for_state(message, "sending", count=SMS_WINDOW)
    school.wait_for_accepts(school.accepts() + 3)
    school.recall(message)
    recalled_at = time.time()
    school.wait_until_settled(message)
    for channel in ("email", "sms"):
        rows = school.deliveries(message, channel)
        assert {row.reason for row in rows if row.status == "cancelled"} <= {"recalled"}
    school.assert_ledger_equals_servers(message, people=100)
    late = [entry["at"] - recalled_at for entry in school.entries(message) if entry["at"] > recalled_at + 1]
    assert late == []
    assert 0 < school.taken(message) < 200
    assert school.stack.rows(f"SELECT status FROM messaging_message WHERE id = {message}") == [("recalled",)]


def test_fault_30_who_opts_out_between_claim_and_call_is_not_called(school: Operation) -> None:
    school.enrol(40)
    school.twilio.latency = 0.1
    with school.large_batches("sms", window=SMS_WINDOW):
        message = school.publish(channels=["sms"])
        school.wait_for_state(message, "sending")
        address, status = school.console.run(OPT_OUT.format(message=message))
    assert status == "claimed", "the opt-out came after the claim"
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=40, channels=["sms"])
    (row,) = [row for row in school.deliveries(message, "sms") if row.address == address]
    assert (row.status, row.reason, row.attempt) == ("suppressed", "opted_out", 0)
    assert address not in [entry["to"] for entry in school.twilio.accepted]
    assert school.states(message, "sms") == {"accepted": 39, "suppressed": 1}


@pytest.mark.production
def test_fault_29_one_poisoned_row_of_a_thousand_fails_alone(school: Operation) -> None:
    school.enrol(1000)
    message = school.publish(channels=["email", "sms"], before=SPOIL_ONE.format(unit=school.unit))
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=1000)
    for channel in ("email", "sms"):
        rows = school.deliveries(message, channel)
        assert [(row.status, row.reason) for row in rows if row.status != "accepted"] == [("failed", "missing_value")]
