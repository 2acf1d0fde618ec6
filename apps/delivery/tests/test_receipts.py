"""What a receipt does to its delivery, in every state, order and number."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from apps.channels.models import ProviderAccount
from apps.channels.providers.base import SettingsError
from apps.channels.providers.twilio import TwilioProvider
from apps.core.models import Alert
from apps.delivery import receipts
from apps.delivery.models import Attempt, Delivery, Receipt, Suppression
from apps.delivery.states import SETTLED, Status
from apps.delivery.tests.conftest import NUMBER, Twilio

pytestmark = pytest.mark.django_db


def later(by: timedelta = timedelta(hours=1)) -> None:
    """As if so much time had gone by for the receipts that wait."""
    Receipt.objects.exclude(due_at=None).update(due_at=F("due_at") - by)


def test_delivered_is_what_the_row_becomes(twilio: Twilio) -> None:
    twilio.report("delivered")
    assert twilio.apply() == [("applied", "delivered")]
    assert twilio.row() == ("delivered", "")
    assert twilio.counters() == {"delivered": 1}
    assert not Attempt.objects.exists(), "the receipt itself is the log"


def test_a_failure_has_its_reason(twilio: Twilio) -> None:
    twilio.report("undelivered", 30003)
    assert twilio.apply() == [("applied", "undelivered 30003")]
    assert twilio.row() == ("failed", "unreachable_number")
    assert twilio.counters() == {"failed": 1}


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("word", ["sent", "delivered", "undelivered"])
def test_fault_19_from_every_state_the_counters_tell_the_truth(twilio: Twilio, status: str, word: str) -> None:
    twilio.stand(status)
    twilio.report(word)
    for _time in range(3):
        twilio.apply()
        later()
    found, _reason = twilio.row()
    assert twilio.counters() == ({found: 1} if found in SETTLED else {})
    row = Delivery.objects.get()
    if found != status:
        assert (row.lease, row.due_at) == ("", None)


@pytest.mark.parametrize("words", list(itertools.permutations(["queued", "sent", "delivered"])), ids="-".join)
def test_fault_19_reordered_and_replayed_three_times_ends_the_same(twilio: Twilio, words: tuple[str, ...]) -> None:
    twilio.stand("unknown", reason="timeout")
    for word in words * 3:
        twilio.report(word)
        twilio.apply()
    assert twilio.row() == ("delivered", "")
    assert twilio.counters() == {"delivered": 1}
    assert Receipt.objects.count() == 3
    assert not receipts.due(10)


@pytest.mark.parametrize("words", list(itertools.permutations(["sent", "delivered", "failed"])), ids="-".join)
def test_fault_19_contradictory_ends_as_delivered_in_every_order(twilio: Twilio, words: tuple[str, ...]) -> None:
    for word in words:
        twilio.report(word)
        twilio.apply()
    assert twilio.row() == ("delivered", "")
    assert twilio.counters() == {"delivered": 1}


def test_fault_19_five_days_late_is_as_good(twilio: Twilio) -> None:
    long_ago = Now() - timedelta(days=5)
    Delivery.objects.update(sent_at=long_ago, updated_at=long_ago)
    twilio.report("delivered")
    twilio.apply()
    assert twilio.row() == ("delivered", "")


@pytest.mark.parametrize(
    ("word", "status"), [("sent", "delivered"), ("queued", "accepted"), ("undelivered", "delivered")]
)
def test_input_53_lower_than_what_is_known_is_ignored_and_said_so(twilio: Twilio, word: str, status: str) -> None:
    twilio.stand(status)
    before = Delivery.objects.values().get()
    twilio.report(word)
    assert twilio.apply() == [("ignored", word)]
    assert Delivery.objects.values().get() == before


@pytest.mark.parametrize("status", ["cancelled", "expired", "suppressed"])
def test_what_was_ended_by_us_never_changes(twilio: Twilio, status: str) -> None:
    twilio.stand(status, reason="recalled")
    for word in ("sent", "undelivered", "delivered"):
        twilio.report(word)
    assert {result for result, _reason in twilio.apply()} == {"ignored"}
    assert twilio.row() == (status, "recalled")


class TestAttempts:
    @pytest.mark.parametrize("status", ["waiting", "queued", "claimed"])
    @pytest.mark.parametrize(("word", "end"), [("sent", "accepted"), ("delivered", "delivered")])
    def test_what_has_arrived_is_not_sent_again(self, twilio: Twilio, status: str, word: str, end: str) -> None:
        twilio.stand(status, reason="timeout")
        twilio.report(word)
        twilio.apply()
        assert twilio.row() == (end, "")
        row = Delivery.objects.get()
        assert (row.lease, row.due_at) == ("", None)

    def test_what_a_person_sends_again_is_not_sent_if_it_turns_out_to_be_there(self, twilio: Twilio) -> None:
        """Sent again it may leave through any account, so the row names none until it does."""
        twilio.stand("waiting", reason="resent")
        Delivery.objects.update(account=None, maybe_duplicate=True)
        Attempt.objects.create(
            delivery=twilio.delivery, number=1, account=twilio.account, status="unknown", at=twilio.delivery.updated_at
        )
        twilio.report("delivered")
        twilio.apply()
        assert twilio.row() == ("delivered", "")

    def test_an_old_failure_says_nothing_of_the_attempt_after_it(self, twilio: Twilio) -> None:
        twilio.stand("accepted", attempt=2)
        twilio.report("undelivered", attempt=1)
        assert twilio.apply() == [("ignored", "undelivered")]
        assert twilio.row() == ("accepted", "")

    def test_an_arrival_of_an_earlier_attempt_counts(self, twilio: Twilio) -> None:
        twilio.stand("failed", attempt=3, reason="rejected")
        twilio.report("delivered", attempt=1)
        twilio.apply()
        assert twilio.row() == ("delivered", "")

    def test_accepted_lifts_a_failure_only_where_nobody_had_known(self, twilio: Twilio) -> None:
        twilio.stand("failed", reason="rejected")
        twilio.report("sent")
        twilio.apply()
        assert twilio.row() == ("failed", "rejected")
        twilio.stand("failed", reason="unconfirmed")
        twilio.report("sending")
        twilio.apply()
        assert twilio.row() == ("accepted", "")
        assert twilio.counters() == {"accepted": 1}

    def test_a_failure_replaces_the_reason_of_one_nobody_could_confirm(self, twilio: Twilio) -> None:
        twilio.stand("failed", reason="unconfirmed")
        twilio.report("undelivered", 30005)
        twilio.apply()
        twilio.report("sent")
        twilio.apply()
        assert twilio.row() == ("failed", "no_such_number")
        assert twilio.counters() == {"failed": 1}

    @pytest.mark.parametrize("word", ["sent", "delivered", "undelivered"])
    def test_a_row_that_is_being_sent_is_left_alone_until_it_is_through(self, twilio: Twilio, word: str) -> None:
        twilio.stand("sending")
        before = Delivery.objects.values().get()
        twilio.report(word)
        assert twilio.apply() == [("new", word)]
        assert Delivery.objects.values().get() == before
        in_two_seconds = Receipt.objects.filter(due_at__gt=Now(), due_at__lte=Now() + receipts.SOON)
        assert in_two_seconds.exists()
        twilio.stand("accepted")
        later()
        result = "ignored" if word == "sent" else "applied"
        assert twilio.apply() == [(result, word)]

    def test_a_failure_waits_while_its_row_stands_before_a_repetition(self, twilio: Twilio) -> None:
        twilio.stand("waiting", reason="timeout")
        twilio.report("undelivered", 30005)
        assert twilio.apply() == [("new", "undelivered 30005")]
        assert twilio.row() == ("waiting", "timeout")
        twilio.stand("accepted", attempt=2)
        later()
        assert twilio.apply() == [("ignored", "undelivered 30005")]


class TestOrphans:
    def test_input_51_an_unknown_delivery_is_kept_and_tried_again_for_five_minutes(self, twilio: Twilio) -> None:
        assert twilio.report("delivered", delivery_id=10**9).status_code == 202
        assert twilio.apply() == [("orphan", "")]
        tries = 1
        while Receipt.objects.exclude(due_at=None).exists():
            soon = Receipt.objects.filter(due_at__gt=Now(), due_at__lte=Now() + timedelta(seconds=30))
            assert soon.exists()
            later(timedelta(seconds=31))
            twilio.apply()
            tries += 1
        assert tries == 5 * 60 / 30 + 1
        assert twilio.apply() == [("orphan", "")]

    def test_input_51_an_orphan_finds_its_delivery_when_that_comes(self, twilio: Twilio) -> None:
        delivery_id = twilio.delivery.pk
        Delivery.objects.update(id=delivery_id + 1)
        twilio.report("delivered")
        assert twilio.apply() == [("orphan", "")]
        Delivery.objects.update(id=delivery_id)
        later()
        assert twilio.apply() == [("applied", "delivered")]
        assert twilio.row() == ("delivered", "")

    def test_what_went_out_through_another_account_is_none_of_its_business(self, twilio: Twilio) -> None:
        other = ProviderAccount.objects.create(channel=twilio.account.channel, name="other", provider="twilio")
        Delivery.objects.update(account=other)
        twilio.report("delivered")
        assert twilio.apply() == [("orphan", "")]
        assert twilio.row() == ("accepted", "")

    def test_an_earlier_attempt_may_have_gone_out_through_another_account(self, twilio: Twilio) -> None:
        other = ProviderAccount.objects.create(channel=twilio.account.channel, name="other", provider="twilio")
        Delivery.objects.update(account=other, attempt=2)
        Attempt.objects.create(
            delivery=twilio.delivery, number=1, account=twilio.account, status="unknown", at=twilio.delivery.updated_at
        )
        twilio.report("delivered", attempt=1)
        assert twilio.apply() == [("applied", "delivered")]
        twilio.report("delivered", attempt=2)
        assert twilio.apply()[1] == ("orphan", "")


class TestUnreadable:
    @pytest.mark.parametrize(("word", "code"), [("teleported", None), ("undelivered", 39999), ("", None)])
    def test_input_52_unknown_words_change_nothing_and_are_told(
        self, twilio: Twilio, word: str, code: int | None, django_capture_on_commit_callbacks: Any
    ) -> None:
        before = Delivery.objects.values().get()
        twilio.report(word, code)
        words = f"{word} {code or ''}".strip()
        with django_capture_on_commit_callbacks(execute=True):
            assert twilio.apply() == [("unreadable", words)]
        assert Delivery.objects.values().get() == before
        alert = Alert.objects.get()
        assert (alert.kind, alert.subject, alert.detail) == (
            "receipt_unreadable",
            f"account {twilio.account.pk}",
            words,
        )
        assert not receipts.due(10)

    def test_a_bug_in_reading_is_told_and_leaves_the_others_alone(
        self, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_arguments: object) -> None:
            raise ZeroDivisionError(NUMBER)

        twilio.report("sent")
        with monkeypatch.context() as patched:
            patched.setattr(TwilioProvider, "parse_receipts", fail)
            assert twilio.apply() == [("unreadable", "ZeroDivisionError")]
        twilio.report("delivered")
        assert twilio.apply()[1] == ("applied", "delivered")


def test_settings_that_cannot_be_read_now_leave_it_due(twilio: Twilio) -> None:
    twilio.report("delivered")
    ProviderAccount.objects.update(secret_settings="of another key", updated_at=Now())
    with pytest.raises(SettingsError):
        twilio.apply()
    assert Receipt.objects.filter(due_at__gt=Now(), due_at__lte=Now() + receipts.TERM, result="new").exists()


def test_two_who_apply_the_same_receipt_count_once(twilio: Twilio) -> None:
    twilio.report("delivered")
    (receipt_id,) = receipts.due(10)
    receipts.apply(receipt_id)
    receipts.apply(receipt_id)
    assert Receipt.objects.get().tries == 1
    assert twilio.counters() == {"delivered": 1}


def test_what_comes_to_no_end_is_given_up(twilio: Twilio) -> None:
    twilio.stand("sending")
    twilio.report("delivered")
    Receipt.objects.update(tries=receipts.MOST_TRIES)
    assert twilio.apply() == [("ignored", "")]
    assert not Receipt.objects.exclude(due_at=None).exists()


@pytest.mark.parametrize(
    ("code", "listed"),
    [(30005, [(NUMBER, "dead_address")]), (21610, [(NUMBER, "opted_out")]), (30003, []), (30007, [])],
)
def test_a_failure_that_speaks_of_the_address_puts_it_on_the_list(
    twilio: Twilio, code: int, listed: list[tuple[str, str]]
) -> None:
    twilio.report("undelivered", code)
    twilio.apply()
    assert list(Suppression.objects.filter(kind="mobile").values_list("value", "reason")) == listed


def test_a_failure_that_delivered_had_outranked_lists_nobody(twilio: Twilio) -> None:
    twilio.stand("delivered")
    twilio.report("undelivered", 30005)
    twilio.apply()
    assert not Suppression.objects.exists()
