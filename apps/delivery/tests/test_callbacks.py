"""POST /callbacks/…: what is kept, what is turned away, and how quickly."""

import random
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from apps.channels import services as channels
from apps.channels.models import ProviderAccount
from apps.core import jobs
from apps.delivery import callbacks, receipts
from apps.delivery.models import Receipt
from apps.delivery.tests.conftest import PUBLIC_URL, TWILIO, Twilio

Outbox = list[tuple[str, tuple[int, ...], str]]
pytestmark = pytest.mark.django_db


@pytest.fixture
def rung(jobs_outbox: Outbox) -> Outbox:
    jobs_outbox.clear()
    return jobs_outbox


def test_a_genuine_report_is_kept_as_it_came_and_rung_for(
    twilio: Twilio, rung: Outbox, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = twilio.report("delivered")
    assert (answer.status_code, answer.content) == (202, b"")
    receipt = Receipt.objects.get()
    assert (receipt.account_id, receipt.delivery_id, receipt.attempt) == (twilio.account.pk, twilio.delivery.pk, 1)
    assert (receipt.result, receipt.tries, receipt.content_type) == ("new", 0, "application/x-www-form-urlencoded")
    assert "MessageStatus=delivered" in receipt.body
    assert receipts.due(10) == [receipt.pk]
    assert rung == [(jobs.APPLY_RECEIPT, (receipt.pk,), jobs.RECEIPTS_LANE)]
    assert twilio.row() == ("accepted", ""), "applied by the job, not by the request"


def test_input_54_the_same_report_500_times_is_one(
    twilio: Twilio, rung: Outbox, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answers = {twilio.report("delivered").status_code for _time in range(500)}
    assert answers == {202}
    assert Receipt.objects.count() == 1
    assert len(rung) == 1
    twilio.apply()
    assert twilio.report("delivered").status_code == 202
    assert twilio.apply() == [("applied", "delivered")]
    assert twilio.counters() == {"delivered": 1}


def test_reports_that_differ_are_kept_each(twilio: Twilio) -> None:
    for status in ("sent", "delivered"):
        twilio.report(status)
    twilio.report("sent", attempt=2)
    assert Receipt.objects.count() == 3


@pytest.mark.parametrize("signature", [None, "", "nonsense", "签名", "A" * 5000])
def test_input_50_unsigned_is_403_and_nothing_is_kept(twilio: Twilio, signature: str | None) -> None:
    assert twilio.post(twilio.path(), twilio.form("delivered"), signature).status_code == 403
    assert not Receipt.objects.exists()
    assert twilio.row() == ("accepted", "")


def test_fault_20_forged_is_403_and_nothing_is_kept(twilio: Twilio) -> None:
    assert twilio.report("failed", 30005, forged=True).status_code == 403
    assert not Receipt.objects.exists()


def test_fault_20_a_report_of_another_account_of_twilio_is_403(twilio: Twilio) -> None:
    twilio.reporter.account_sid = "AC" + "9" * 32
    assert twilio.report("delivered").status_code == 403
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("other", [{"attempt": 2}, {"delivery_id": 999}])
def test_fault_20_a_genuine_report_replayed_at_another_address_is_403(twilio: Twilio, other: dict[str, int]) -> None:
    form = twilio.form("delivered")
    signature = twilio.reporter.signature(PUBLIC_URL + twilio.path(), form)
    assert twilio.post(twilio.path(), form, signature).status_code == 202
    assert twilio.post(twilio.path(**other), form, signature).status_code == 403
    assert Receipt.objects.count() == 1


def test_input_50_altered_on_the_way_is_403(twilio: Twilio) -> None:
    signature = twilio.reporter.signature(PUBLIC_URL + twilio.path(), twilio.form("failed"))
    assert twilio.post(twilio.path(), twilio.form("delivered"), signature).status_code == 403


def test_input_50_a_signature_with_yesterdays_token_is_403(twilio: Twilio) -> None:
    channels.configure(twilio.account, {**TWILIO, "auth_token": "rotated"}, by=None)
    assert twilio.report("delivered").status_code == 403
    twilio.reporter.auth_token = "rotated"
    assert twilio.report("delivered").status_code == 202


def test_fault_20_the_host_header_is_not_believed(twilio: Twilio) -> None:
    path, form = twilio.path(), twilio.form("delivered")
    for_this_host = twilio.reporter.signature(f"http://testserver{path}", form)
    assert twilio.post(path, form, for_this_host).status_code == 403
    assert twilio.report("delivered").status_code == 202


def test_one_account_cannot_report_with_the_secret_of_another(twilio: Twilio) -> None:
    other = ProviderAccount.objects.create(channel=twilio.account.channel, name="other", provider="twilio")
    channels.configure(other, {**TWILIO, "auth_token": "of the other"}, by=None)
    path, form = twilio.path().replace(f"/{twilio.account.pk}/", f"/{other.pk}/", 1), twilio.form("delivered")
    assert twilio.post(path, form, twilio.reporter.signature(PUBLIC_URL + path, form)).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/callbacks/twilio/{other}/{delivery}/1",
        "/callbacks/sandbox/{account}/{delivery}/1",
        "/callbacks/smtp/{account}/{delivery}/1",
        "/callbacks/nobody/{account}/{delivery}/1",
        "/callbacks/twilio/{account}/{delivery}/40000",
        "/callbacks/twilio/{account}/99999999999999999999999/1",
        "/callbacks/twilio/99999999999999999999999/{delivery}/1",
        "/callbacks/twilio/{account}/-1/1",
        "/callbacks/twilio/{account}/{delivery}",
    ],
)
def test_no_such_account_of_this_provider_is_404(twilio: Twilio, path: str) -> None:
    path = path.format(account=twilio.account.pk, other=twilio.account.pk + 999, delivery=twilio.delivery.pk)
    form = twilio.form("delivered")
    assert twilio.post(path, form, twilio.reporter.signature(PUBLIC_URL + path, form)).status_code == 404
    assert not Receipt.objects.exists()


def test_the_largest_numbers_that_fit_are_kept(twilio: Twilio) -> None:
    assert twilio.report("sent", attempt=callbacks.MAX_ATTEMPT, delivery_id=callbacks.MAX_ID).status_code == 202
    assert twilio.apply() == [("orphan", "")]


def test_too_long_is_413_and_not_kept(twilio: Twilio) -> None:
    path, form = twilio.path(), {**twilio.form("sent"), "More": "x" * callbacks.MOST_BYTES}
    assert twilio.post(path, form, twilio.reporter.signature(PUBLIC_URL + path, form)).status_code == 413
    assert not Receipt.objects.exists()


def test_only_posted(twilio: Twilio) -> None:
    assert Client().get(twilio.path()).status_code == 405


def test_settings_that_cannot_be_read_are_503_so_that_it_comes_again(twilio: Twilio) -> None:
    twilio.account.secret_settings = "encrypted with another key"
    twilio.account.save()
    assert twilio.report("delivered").status_code == 503
    assert not Receipt.objects.exists()
    channels.configure(twilio.account, TWILIO, by=None)
    assert twilio.report("delivered").status_code == 202


@pytest.mark.parametrize("changes", [{"enabled": False}, {"paused_reason": "panic"}])
def test_an_account_that_is_off_still_hears_what_it_sent(twilio: Twilio, changes: dict[str, object]) -> None:
    ProviderAccount.objects.filter(pk=twilio.account.pk).update(**changes)
    assert twilio.report("delivered").status_code == 202


def test_without_a_public_address_nobody_was_told_any(twilio: Twilio, settings: Settings) -> None:
    settings.PUBLIC_URL = ""
    assert twilio.report("delivered").status_code == 403


def test_a_database_that_is_away_is_no_2xx(twilio: Twilio, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_receipt: Receipt) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(receipts, "_insert", away)
    with pytest.raises(OperationalError):
        twilio.report("delivered")


def test_the_address_is_the_one_dispatch_gives_away(twilio: Twilio) -> None:
    told = receipts.address(twilio.account, delivery_id=twilio.delivery.pk, attempt=1)
    assert told == PUBLIC_URL + twilio.path()


def test_no_address_of_a_person_in_the_log(twilio: Twilio, caplog: pytest.LogCaptureFixture) -> None:
    twilio.report("teleported")
    twilio.report("delivered", forged=True)
    twilio.report("delivered", delivery_id=random.randint(10**6, 10**7))
    twilio.apply()
    assert "receipt_unreadable" in caplog.text
    assert "2025550123" not in caplog.text
