"""Receipts meet the engine: doorbells lost, receipts before the commit, two who write at the same time."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.db.models import Count
from django.db.models.functions import Now
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from apps.channels import services as channels
from apps.channels.models import ProviderAccount
from apps.core import jobs
from apps.core.tests.threads import together
from apps.delivery import receipts, services
from apps.delivery.models import Attempt, Delivery, Receipt, Suppression
from apps.delivery.services import Evidence
from apps.delivery.states import SETTLED, Status, Verdict
from apps.messaging.models import MessageChannel
from tests.servers.ledger import Entry
from tests.servers.twilio_callbacks import Report
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN, TwilioServer
from workers import sweep
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def twilio(live_server: LiveServer, settings: Settings) -> Iterator[TwilioServer]:
    """Its callbacks go to a real web server, as through a proxy that knows the site by its public address."""
    settings.PUBLIC_URL = "https://msg.school.example"
    with TwilioServer() as server:
        server.reporter.proxy = live_server.url
        account = ProviderAccount.objects.get(channel__key="sms")
        account.provider = "twilio"
        account.save()
        told = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from_number": "+12025550100"}
        channels.configure(account, {**told, "base_url": server.url}, by=None)
        yield server


def publish(bell: Bell, people: int = 1) -> None:
    school.enrol(people)
    school.publish(channels=["sms"])
    bell.answer(jobs.FAN_OUT)


def make_due() -> None:
    Receipt.objects.exclude(due_at=None).update(due_at=Now())


def states() -> dict[str, int]:
    return dict(Delivery.objects.values_list("status").annotate(number=Count("*")))


def assert_counters_tell_the_truth() -> None:
    counters = MessageChannel.objects.values(*SETTLED).get()
    assert {name: number for name, number in counters.items() if number} == states()


def test_a_receipt_before_the_commit_waits_for_it(bell: Bell, twilio: TwilioServer) -> None:
    """Twilio reports while its answer to us is still on the way, and the job runs at once."""
    seen: list[Any] = []

    def report(entry: Entry) -> None:
        try:
            seen.append(twilio.reporter.send(entry, Report("delivered")))
            bell.answer(jobs.APPLY_RECEIPT)
            seen.append((Delivery.objects.get().status, Receipt.objects.get().result))
        finally:
            connections.close_all()

    twilio.before_answer = report
    publish(bell)
    bell.answer()
    assert seen == [202, ("sending", "new")]
    assert states() == {"accepted": 1}
    make_due()
    sweep.apply_receipts()
    assert states() == {"delivered": 1}
    assert_counters_tell_the_truth()
    assert Attempt.objects.get().status == "accepted"


def test_receipts_whose_doorbells_are_lost_are_applied_by_the_sweep(bell: Bell, twilio: TwilioServer) -> None:
    twilio.reports = lambda _entry: [Report("sent"), Report("delivered"), Report("delivered")]
    publish(bell, people=5)
    bell.answer(jobs.DELIVER)
    twilio.reporter.wait(15)
    assert {answer for _status, answer in twilio.reporter.answers} == {202}
    assert Receipt.objects.count() == 10, "the same report comes once"
    bell.rung.clear()
    sweep.apply_receipts()
    assert states() == {"delivered": 5}
    assert_counters_tell_the_truth()
    assert not receipts.due(100)


def test_input_54_the_same_report_many_times_at_once_is_one(bell: Bell, twilio: TwilioServer) -> None:
    publish(bell)
    bell.answer(jobs.DELIVER)
    entry = twilio.accepted[0]
    answers = together(*[lambda: twilio.reporter.send(entry, Report("delivered"))] * 12)
    assert answers == [202] * 12
    assert Receipt.objects.count() == 1
    bell.answer()
    assert states() == {"delivered": 1}
    assert_counters_tell_the_truth()


def test_every_receipt_rings_for_itself(bell: Bell, twilio: TwilioServer) -> None:
    twilio.reports = lambda _entry: [Report("delivered")]
    publish(bell)
    bell.answer(jobs.DELIVER)
    twilio.reporter.wait(1)
    assert [(job, lane) for job, _ids, lane in bell.rung] == [(jobs.APPLY_RECEIPT, jobs.RECEIPTS_LANE)]
    bell.answer()
    bell.answer()
    assert states() == {"delivered": 1}


def test_fault_20_forged_reports_change_nothing(bell: Bell, twilio: TwilioServer) -> None:
    twilio.reports = lambda _entry: [Report("failed", 30005, forged=True)]
    publish(bell)
    bell.answer()
    twilio.reporter.wait(1)
    assert twilio.reporter.answers == [("failed", 403)]
    assert states() == {"accepted": 1}
    assert not Receipt.objects.exists()


def test_one_bad_receipt_never_stops_the_others(
    bell: Bell, twilio: TwilioServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    twilio.reports = lambda _entry: [Report("delivered")]
    publish(bell, people=3)
    bell.answer(jobs.DELIVER)
    twilio.reporter.wait(3)
    bad = Delivery.objects.order_by("pk")[1].pk
    real = services.apply_evidence

    def fail(evidence: Evidence) -> Verdict:
        if evidence.delivery_id == bad:
            raise ZeroDivisionError("+12025550123")
        return real(evidence)

    with monkeypatch.context() as patched:
        patched.setattr(services, "apply_evidence", fail)
        sweep.apply_receipts()
    assert states() == {"accepted": 1, "delivered": 2}
    assert "ZeroDivisionError" in caplog.text
    assert "2025550123" not in caplog.text
    make_due()
    sweep.apply_receipts()
    assert states() == {"delivered": 3}


def test_a_sweep_ends_in_time_and_the_next_goes_on(
    bell: Bell, twilio: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ASKING_TIME", 0.0)
    twilio.reports = lambda _entry: [Report("delivered")]
    publish(bell, people=2)
    bell.answer(jobs.DELIVER)
    twilio.reporter.wait(2)
    for done in (1, 2):
        sweep.apply_receipts()
        assert states()["delivered"] == done


def test_fault_19_contradictory_receipts_at_the_same_time_end_as_delivered(bell: Bell, twilio: TwilioServer) -> None:
    words = [Report("sent"), Report("undelivered", 30003), Report("delivered"), Report("failed", 30007)]
    twilio.reports = lambda _entry: words
    publish(bell, people=5)
    bell.answer(jobs.DELIVER)
    twilio.reporter.wait(20)
    due = receipts.due(100)
    results = together(*(lambda mine=mine: [receipts.apply(one) for one in mine] for mine in (due, due[::-1], due)))
    assert not [result for result in results if isinstance(result, Exception)]
    # Whoever was beaten to a receipt has left it to the other; nothing is left over.
    assert not receipts.due(100)
    assert states() == {"delivered": 5}
    assert_counters_tell_the_truth()


def test_a_receipt_against_the_repetition_has_one_winner(bell: Bell, twilio: TwilioServer) -> None:
    publish(bell, people=8)
    account = ProviderAccount.objects.get(channel__key="sms")
    Delivery.objects.update(attempt=1, account=account, maybe_duplicate=True)
    ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    assert services.claim(ids, lease="mine") == set(ids)
    evidence = [Evidence(one, Status.DELIVERED, 1) for one in ids]
    sent, *verdicts = together(
        lambda: services.mark_sending(ids, lease="mine", account_id=account.pk, kind="mobile"),
        *(lambda one=one: services.apply_evidence(one) for one in evidence),
    )
    settled = {one.delivery_id for one, verdict in zip(evidence, verdicts) if verdict is Verdict.MOVES}
    assert settled | sent == set(ids)
    assert settled & sent == set()
    assert {verdict for verdict in verdicts if verdict is not Verdict.MOVES} <= {Verdict.TOO_EARLY}
    assert set(Delivery.objects.filter(status="delivered").values_list("pk", flat=True)) == settled
    assert set(Delivery.objects.filter(status="sending").values_list("pk", flat=True)) == sent


def test_a_number_the_provider_calls_dead_gets_nothing_more(bell: Bell, twilio: TwilioServer) -> None:
    publish(bell)
    row = Delivery.objects.get()
    twilio.codes[row.address] = 21211
    bell.answer()
    assert (Delivery.objects.get().status, Delivery.objects.get().reason) == ("failed", "no_such_number")
    school.publish(channels=["sms"])
    bell.answer()
    again = Delivery.objects.exclude(pk=row.pk).get()
    assert (again.status, again.reason) == ("suppressed", "dead_address")


def test_a_number_that_a_receipt_calls_dead_gets_nothing_more(bell: Bell, twilio: TwilioServer) -> None:
    twilio.reports = lambda _entry: [Report("undelivered", 30005)]
    publish(bell)
    bell.answer()
    twilio.reporter.wait(1)
    bell.answer()
    assert states() == {"failed": 1}
    assert Suppression.objects.get().value == Delivery.objects.get().address
    school.publish(channels=["sms"])
    bell.answer()
    assert states() == {"failed": 1, "suppressed": 1}
    assert len(twilio.accepted) == 1
