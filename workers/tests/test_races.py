"""Every race of the engine made to happen, with real threads and connections on the real database."""

import itertools
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import Count
from django.db.models.functions import Now

from apps.core import jobs
from apps.core.tests.threads import together
from apps.delivery import chains, selectors, services
from apps.delivery.models import Attempt, Delivery, Lease
from apps.delivery.services import Outcome
from apps.delivery.states import SETTLED, Status
from apps.messaging.models import MessageChannel
from workers import sweep
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 60
ROUNDS = 5


@pytest.fixture
def channel(bell: Bell) -> MessageChannel:
    """A message channel whose deliveries are queued."""
    school.enrol(PEOPLE)
    message = school.publish(channels=["email"])
    bell.answer(jobs.FAN_OUT)
    bell.rung.clear()
    return message.message_channels.select_related("channel").get()


def ids_of(channel: MessageChannel) -> list[int]:
    return list(channel.deliveries.order_by("pk").values_list("pk", flat=True))


def put_back(channel: MessageChannel) -> None:
    """As it was before anybody came."""
    Lease.objects.all().delete()
    Attempt.objects.all().delete()
    channel.deliveries.update(status="queued", lease="", reason="", attempt=0, due_at=None)
    MessageChannel.objects.update(**dict.fromkeys(map(str, SETTLED), 0))


def counted(channel: MessageChannel) -> Counter[str]:
    """What GROUP BY says, once the counters have said the same."""
    rows = Counter(dict(channel.deliveries.values_list("status").annotate(number=Count("*"))))
    channel.refresh_from_db()
    assert {str(name): getattr(channel, name) for name in SETTLED} == {str(name): rows[str(name)] for name in SETTLED}
    return rows


def sending(channel: MessageChannel, *, lease: str) -> list[int]:
    ids = ids_of(channel)
    services.claim(ids, lease=lease)
    assert services.mark_sending(ids, lease=lease, account_id=1, kind="email") == set(ids)
    return ids


def test_of_many_workers_each_row_is_claimed_by_one(channel: MessageChannel) -> None:
    ids = ids_of(channel)
    for number in range(ROUNDS):
        put_back(channel)
        claims = together(*[lambda one=one, n=number: services.claim(ids, lease=f"{n}-{one}") for one in range(6)])
        assert sorted(pk for claim in claims for pk in claim) == ids
        for one, claim in enumerate(claims):
            assert set(Delivery.objects.filter(lease=f"{number}-{one}").values_list("pk", flat=True)) == claim


def retract(channel: MessageChannel) -> None:
    services.retract(channel.pk, to=Status.CANCELLED, reason="recalled", limit=1000)


def test_fault_25_a_row_is_claimed_or_recalled_but_never_both(channel: MessageChannel) -> None:
    ids = ids_of(channel)
    for number in range(ROUNDS):
        put_back(channel)
        claim, _nothing = together(lambda n=number: services.claim(ids, lease=str(n)), lambda: retract(channel))
        cancelled = set(channel.deliveries.filter(status="cancelled").values_list("pk", flat=True))
        # What was claimed first may be cancelled after that; then the worker gets nothing of it.
        mine = services.mark_sending(sorted(claim), lease=str(number), account_id=1, kind="email") if claim else set()
        assert not mine & cancelled
        assert mine | cancelled == set(ids)
        counted(channel)


def test_fault_25_a_row_is_handed_over_or_recalled_but_never_both(channel: MessageChannel) -> None:
    ids = ids_of(channel)
    for number in range(ROUNDS):
        put_back(channel)
        services.claim(ids, lease=str(number))
        mine, _nothing = together(
            lambda n=number: services.mark_sending(ids, lease=str(n), account_id=1, kind="email"),
            lambda: retract(channel),
        )
        rows = counted(channel)
        assert (rows["sending"], rows["cancelled"]) == (len(mine), PEOPLE - len(mine))


def test_fault_24_the_outcome_or_the_end_of_the_lease_is_written_but_not_both(channel: MessageChannel) -> None:
    for number in range(ROUNDS):
        put_back(channel)
        ids = sending(channel, lease=str(number))
        Lease.objects.update(due_at=Now() - timedelta(seconds=1))
        outcomes = [Outcome(pk, Status.ACCEPTED, account_id=1) for pk in ids]
        recorded, ended = together(
            lambda n=number, o=outcomes: services.record(channel.pk, o, lease=str(n)),
            lambda n=number: services.end_lease(str(n)),
        )
        unknown = ended[Status.UNKNOWN]
        assert recorded + unknown == PEOPLE
        rows = counted(channel)
        assert (rows["accepted"], rows["unknown"]) == (recorded, unknown)
        logged = Counter(Attempt.objects.values_list("delivery", flat=True))
        assert set(logged.values()) == {1}, "one line for each hand-over, by whoever was first"


def test_many_that_ring_the_next_batch_ring_different_ones(channel: MessageChannel, bell: Bell) -> None:
    channel.channel.batch_size, channel.channel.chains = 5, 8
    channel.channel.save()
    chains.revive(channel.pk)
    together(*[lambda: chains.go_on(channel.pk)] * 8)
    # The end of the message is cut smaller, so some of it is still to be rung for.
    for _ in range(PEOPLE):
        chains.go_on(channel.pk)
    ranges = sorted(args[1:] for _job, args, _lane in bell.rung)
    assert sum(last - first + 1 for first, last in ranges) == PEOPLE
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))


def test_fault_21_two_sweeps_at_once_promote_each_row_once(channel: MessageChannel) -> None:
    channel.deliveries.update(status="waiting", due_at=Now() - timedelta(seconds=1))
    due = selectors.waiting_due(1000, urgent=False)[channel.pk]
    assert sum(together(*[lambda: services.promote(channel.pk, due)] * 4)) == PEOPLE
    assert counted(channel) == Counter(queued=PEOPLE)


def test_fault_21_two_sweeps_at_once_end_a_lease_once(channel: MessageChannel) -> None:
    sending(channel, lease="dead")
    Lease.objects.update(due_at=Now() - timedelta(seconds=1))
    assert together(*[sweep.return_leases] * 4) == [None] * 4
    assert counted(channel) == Counter(unknown=PEOPLE)
    assert Attempt.objects.count() == PEOPLE


def test_what_two_know_of_an_unknown_row_is_written_once(channel: MessageChannel) -> None:
    for _ in range(ROUNDS):
        put_back(channel)
        channel.deliveries.update(status="unknown", attempt=1)
        accepted = [Outcome(pk, Status.ACCEPTED, "found") for pk in ids_of(channel)]
        failed = [Outcome(pk, Status.FAILED, "unconfirmed") for pk in ids_of(channel)]
        written = together(*[lambda these=these: services.resolve(channel.pk, these) for these in (accepted, failed)])
        assert sum(written) == PEOPLE
        rows = counted(channel)
        assert [rows["accepted"], rows["failed"]] == written
        assert Attempt.objects.count() == PEOPLE
