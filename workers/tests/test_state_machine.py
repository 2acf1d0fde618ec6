"""The dispatch state machine under everything that may happen to it, in any order, on the real database.

Hypothesis picks what happens: doorbells answered, lost and doubled, providers that accept, refuse, fall silent or kill
the worker, leases that end, receipts in any order, forged ones, opt-outs, recall, pause, expiry and people who send
again. After every step the invariants of the ledger hold, and in the end everything is settled.
"""

import collections
import contextlib
import datetime
from collections.abc import Callable

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from apps.channels import accounts
from apps.channels.models import Channel, ProviderAccount
from apps.channels.providers import PROVIDERS
from apps.channels.providers.base import Outgoing
from apps.core.errors import Conflict
from apps.delivery import services
from apps.delivery.models import Attempt, Delivery, Lease, Receipt, Recipient, Suppression
from apps.delivery.services import Outcome
from apps.delivery.states import SETTLED, Status
from apps.messaging import services as messaging
from apps.messaging.models import Message, MessageChannel
from apps.messaging.states import LIVE
from workers import breaker, dispatch, sweep
from workers.tests import school, scripted
from workers.tests.conftest import Bell
from workers.tests.scripted import BEHAVIOURS, Crash, ScriptedProvider

PEOPLE = 3
CHANNELS = ("email", "sms")
SECOND = datetime.timedelta(seconds=1)
#: How far evidence has brought a row; receipts never move it back.
RANK = {Status.ACCEPTED: 1, Status.FAILED: 2, Status.DELIVERED: 3}


class Dispatch(RuleBasedStateMachine):
    """A school of three, one message over e-mail and SMS, and a provider for both."""

    bell: Bell

    @initialize()
    def publish(self) -> None:
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.bell.rung.clear()
        breaker.forget()
        accounts._made.clear()
        ScriptedProvider.script.clear()
        ScriptedProvider.taken.clear()
        ScriptedProvider.listed, ScriptedProvider.witness = True, staticmethod(self.see)
        school.enrol(PEOPLE)
        Channel.objects.filter(key__in=CHANNELS).update(batch_size=2, window=2, chains=2)
        ProviderAccount.objects.filter(channel__key__in=CHANNELS).update(provider="scripted", updated_at=Now())
        self.message = school.publish(channels=["inbox", *CHANNELS])
        self.delivered: set[int] = set()
        self.bell.answer("workers.fan_out")

    def teardown(self) -> None:
        if not hasattr(self, "transaction"):
            return
        try:
            self.come_to_an_end()
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    # --- what the provider sees ---------------------------------------------------------------------------------------
    def see(self, outgoing: Outgoing) -> None:
        row = Delivery.objects.get(pk=outgoing.delivery_id)
        assert (row.status, row.attempt) == (Status.SENDING, outgoing.attempt), "I3: no call without `sending`"
        self.message.refresh_from_db()
        assert self.message.status in LIVE, "I9: nothing starts after a recall or an expiry"
        assert self.message.paused_at is None, "I9: nothing starts while it is paused"
        listed = Suppression.objects.filter(value__in=outgoing.addresses)
        assert not listed.exists(), "I10: whoever is suppressed has no attempt"

    # --- what happens -------------------------------------------------------------------------------------------------
    @rule(behaviours=st.lists(st.sampled_from(BEHAVIOURS), max_size=4))
    def answer_a_doorbell(self, behaviours: list[str]) -> None:
        ScriptedProvider.script.clear()
        ScriptedProvider.script.extend(behaviours)
        if self.bell.rung:
            self.answer_first()

    @rule()
    def lose_all_doorbells(self) -> None:
        self.bell.rung.clear()

    @rule()
    def double_all_doorbells(self) -> None:
        self.bell.rung *= 2

    @rule(name=st.sampled_from(sorted(sweep.SWEEPS)))
    def sweep(self, name: str) -> None:
        sweep.SWEEPS[name]()

    @rule()
    def leases_end(self) -> None:
        Lease.objects.update(due_at=Now() - SECOND)
        sweep.return_leases()

    @rule()
    def time_passes(self) -> None:
        self.wait()
        sweep.promote_waiting()

    @rule(listed=st.booleans())
    def look_into_what_is_unknown(self, listed: bool) -> None:
        ScriptedProvider.listed = listed
        self.wait()
        sweep.resolve_unknown()
        ScriptedProvider.listed = True

    @precondition(lambda self: ScriptedProvider.taken)
    @rule(
        which=st.integers(0, 99),
        says=st.sampled_from(["accepted", "failed", "delivered"]),
        times=st.integers(1, 3),
        genuine=st.sampled_from([True, True, True, False]),
    )
    def a_receipt_comes(self, which: int, says: str, times: int, genuine: bool) -> None:
        delivery_id, attempt = ScriptedProvider.taken[which % len(ScriptedProvider.taken)]
        # In the address that the provider was told; the row forgets it when it is sent again.
        account = ProviderAccount.objects.get(channel__message_channels__deliveries=delivery_id).pk
        signature = scripted.signature(says.encode()) if genuine else "forged"
        before = Receipt.objects.count()
        for _ in range(times):
            answer = Client().post(
                f"/callbacks/scripted/{account}/{delivery_id}/{attempt}",
                says,
                content_type="text/plain",
                headers={"X-Signature": signature},
            )
            assert answer.status_code == (202 if genuine else 403)
        assert Receipt.objects.count() - before <= (1 if genuine else 0)

    @rule(person=st.integers(0, PEOPLE - 1), channel=st.sampled_from(CHANNELS))
    def somebody_opts_out(self, person: int, channel: str) -> None:
        row = Delivery.objects.filter(message_channel__channel__key=channel).order_by("pk")[person]
        kind = Channel.objects.get(key=channel).address_kind
        Suppression.objects.get_or_create(kind=kind, value=row.address, reason="opted_out")

    @rule(verb=st.sampled_from(["pause", "resume", "resume", "recall"]))
    def somebody_steps_in(self, verb: str) -> None:
        """Allowed or not: what is not allowed changes nothing."""
        with contextlib.suppress(Conflict):
            getattr(messaging, verb)(self.message, by=school.root())

    @rule()
    def it_expires(self) -> None:
        Message.objects.filter(pk=self.message.pk).update(expires_at=Now() - SECOND)

    @rule(which=st.integers(0, 2 * PEOPLE - 1))
    def somebody_sends_again(self, which: int) -> None:
        row = Delivery.objects.order_by("pk")[which]
        may = row.status == Status.UNKNOWN or (row.status, row.reason) == (Status.FAILED, "unconfirmed")
        try:
            services.resend(row.pk, by=school.root())
        except Conflict:
            row_now = Delivery.objects.get(pk=row.pk)
            assert (row_now.status, row_now.maybe_duplicate) == (row.status, row.maybe_duplicate)
        else:
            assert may, "only what nobody can tell is sent again"
            assert Delivery.objects.get(pk=row.pk).maybe_duplicate

    @precondition(lambda self: Attempt.objects.exists())
    @rule(which=st.integers(0, 2 * PEOPLE - 1))
    def a_worker_comes_back_from_the_dead(self, which: int) -> None:
        """I4: it still believes in a lease that is over."""
        row = Delivery.objects.order_by("pk")[which]
        before = Delivery.objects.values().get(pk=row.pk)
        assert not services.record(row.message_channel_id, [Outcome(row.pk, Status.ACCEPTED)], lease="of a zombie")
        assert not services.mark_sending([row.pk], lease="of a zombie", account_id=1, kind="sms")
        assert Delivery.objects.values().get(pk=row.pk) == before

    # --- what always holds --------------------------------------------------------------------------------------------
    @invariant()
    def the_ledger_is_sound(self) -> None:
        if not hasattr(self, "message"):
            return
        rows = list(Delivery.objects.values("pk", "status", "maybe_duplicate", "message_channel"))
        assert len(rows) == PEOPLE * len(CHANNELS), "I1: one delivery for each person and channel"
        assert Recipient.objects.count() == PEOPLE
        taken = collections.Counter(delivery_id for delivery_id, _attempt in ScriptedProvider.taken)
        for row in rows:
            assert taken[row["pk"]] <= 1 or row["maybe_duplicate"], "I5: twice only where the row says so"
        assert len(set(ScriptedProvider.taken)) == len(ScriptedProvider.taken), "each attempt is taken once at most"
        now = {row["pk"] for row in rows if row["status"] == Status.DELIVERED}
        assert self.delivered <= now, "I7: nothing moves back from delivered"
        self.delivered = now
        self.counters_tell_the_truth(rows)

    def counters_tell_the_truth(self, rows: list[dict]) -> None:
        for channel in MessageChannel.objects.exclude(channel__address_kind=""):
            counted = collections.Counter(row["status"] for row in rows if row["message_channel"] == channel.pk)
            assert {name: getattr(channel, name) for name in map(str, SETTLED)} == {
                name: counted[name] for name in map(str, SETTLED)
            }, "I8: the counters are what GROUP BY says"
            assert channel.total == PEOPLE

    # --- helpers ------------------------------------------------------------------------------------------------------
    def answer_first(self) -> None:
        job, args, _lane = self.bell.rung.pop(0)
        with contextlib.suppress(Crash):
            self.bell.run(job, args)

    def wait(self) -> None:
        """As if all that is waited for were due."""
        Delivery.objects.filter(due_at__isnull=False).update(due_at=Now() - SECOND)
        Receipt.objects.filter(due_at__isnull=False).update(due_at=Now() - SECOND)
        ProviderAccount.objects.update(rests_until=None, outages=0, paused_reason="", recovers=False)
        breaker.forget()

    def come_to_an_end(self) -> None:
        """I6: without a single doorbell left, the sweeps alone bring everything to its end."""
        ScriptedProvider.script.clear()
        self.bell.rung.clear()
        self.message.refresh_from_db()
        if self.message.paused:
            messaging.resume(self.message, by=school.root())
        for _ in range(12):
            self.wait()
            Lease.objects.update(due_at=Now() - SECOND)
            for each in sweep.SWEEPS.values():
                each()
            while self.bell.rung:
                self.answer_first()
        self.the_ledger_is_sound()
        open_rows = Delivery.objects.exclude(status__in=SETTLED)
        assert not open_rows.exists(), list(open_rows.values("status", "reason", "due_at", "lease"))
        self.message.refresh_from_db()
        assert self.message.status in ("finished", "recalled", "expired")
        accepted = set(Delivery.objects.filter(status__in=RANK).values_list("pk", flat=True))
        handed_over = {delivery_id for delivery_id, _attempt in ScriptedProvider.taken}
        settled_by_evidence = Delivery.objects.filter(status__in=(Status.ACCEPTED, Status.DELIVERED))
        assert set(settled_by_evidence.values_list("pk", flat=True)) <= handed_over
        # Of unknown outcome and to be sent again, it may have been recalled before that.
        again = set(Delivery.objects.filter(maybe_duplicate=True).values_list("pk", flat=True))
        assert handed_over - again <= accepted
        assert not Lease.objects.exists()
        assert not MessageChannel.objects.exclude(ring_at=None).filter(message__status__in=LIVE).exists()


@pytest.mark.django_db
def test_the_state_machine(bell: Bell, monkeypatch: pytest.MonkeyPatch, rounds: Callable[[int, int], int]) -> None:
    monkeypatch.setitem(PROVIDERS, "scripted", ScriptedProvider)
    monkeypatch.setattr(dispatch, "ASK_EVERY", -1.0)
    monkeypatch.setattr(breaker, "SEEN_FOR", -1.0)
    monkeypatch.setattr(sweep, "ASKING_TIME", 60.0)
    Dispatch.bell = bell
    Dispatch.TestCase.settings = settings(
        max_examples=rounds(30, 300),
        stateful_step_count=20,
        # Looking for a shorter example would take longer than the tests may.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Dispatch.TestCase().runTest()
