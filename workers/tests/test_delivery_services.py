"""The services that write `Delivery.status`, each tried from every state.

Here rather than beside them, because rows are made by the real fan-out.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import Count
from django.db.models.functions import Now

from apps.delivery import services
from apps.delivery.journal import Known
from apps.delivery.models import Attempt, Delivery, Lease
from apps.delivery.services import Outcome
from apps.delivery.states import SETTLED, Status, may_follow
from apps.messaging.models import MessageChannel
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db
LEASE = "lease"


@pytest.fixture
def row(bell: Bell) -> Delivery:
    school.enrol(1)
    school.publish()
    bell.answer("workers.fan_out")
    return Delivery.objects.get()


def put(row: Delivery, status: str) -> None:
    """Put the row into a state, with the counters as if it had come there by itself."""
    over = Now() - timedelta(seconds=1)
    Delivery.objects.filter(pk=row.pk).update(status=status, lease=LEASE, due_at=over, attempt=1)
    Lease.objects.update_or_create(token=LEASE, defaults={"first_id": row.pk, "last_id": row.pk, "due_at": over})
    counted = {name: int(name == status) for name in map(str, SETTLED)}
    MessageChannel.objects.filter(pk=row.message_channel_id).update(**counted)


def outcome(row: Delivery, status: Status) -> Outcome:
    return Outcome(row.pk, status, "why", due_in=timedelta(0) if status in (Status.WAITING, Status.UNKNOWN) else None)


Act = Callable[[Delivery], object]
ACTS: dict[str, tuple[Act, set[str]]] = {
    "claim": (lambda row: services.claim([row.pk], lease="other"), {"claimed"}),
    "release": (lambda row: services.release(row.message_channel_id, [row.pk], lease=LEASE), {"queued"}),
    "mark_sending": (lambda row: services.mark_sending([row.pk], lease=LEASE, account_id=1, kind="email"), {"sending"}),
    "promote": (lambda row: services.promote(row.message_channel_id, [row.pk]), {"queued"}),
    "end_lease": (lambda row: services.end_lease(LEASE), {"queued", "unknown"}),
    "suppress": (
        lambda row: services.suppress(row.message_channel_id, {row.pk: "opted_out"}, lease=LEASE),
        {"suppressed"},
    ),
    "cancel": (
        lambda row: services.retract(row.message_channel_id, to=Status.CANCELLED, reason="recalled", limit=10),
        {"cancelled"},
    ),
    "expire": (
        lambda row: services.retract(row.message_channel_id, to=Status.EXPIRED, reason="expired", limit=10),
        {"expired"},
    ),
    **{
        f"record {status}": (
            lambda row, status=status: services.record(row.message_channel_id, [outcome(row, status)], lease=LEASE),
            {str(status)},
        )
        for status in (Status.ACCEPTED, Status.WAITING, Status.FAILED, Status.UNKNOWN)
    },
    **{
        f"resolve {status}": (
            lambda row, status=status: services.resolve(row.message_channel_id, [outcome(row, status)]),
            {str(status)},
        )
        for status in (Status.ACCEPTED, Status.DELIVERED, Status.WAITING, Status.FAILED)
    },
}
#: From which states each act changes the row; from all others it must leave it alone.
STARTS = {
    "claim": {"queued"},
    "release": {"claimed"},
    "mark_sending": {"claimed"},
    "promote": {"waiting"},
    "end_lease": {"claimed", "sending"},
    "suppress": {"claimed"},
    "cancel": {"waiting", "queued", "claimed"},
    "expire": {"waiting", "queued", "claimed"},
    "record": {"sending"},
    "resolve": {"unknown"},
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_changes_only_the_states_it_starts_from(row: Delivery, act: str) -> None:
    run, results = ACTS[act]
    for before in Status.values:
        put(row, before)
        run(row)
        row.refresh_from_db()
        if before in STARTS[act.split()[0]]:
            assert row.status in results, before
            assert may_follow(Status(before), Status(row.status))
        else:
            assert row.status == before
        assert_counters_tell_the_truth()


@pytest.mark.parametrize("act", ["release", "mark_sending", "suppress", "record accepted"])
def test_a_writer_with_a_stale_lease_changes_nothing(row: Delivery, act: str) -> None:
    put(row, "sending" if act.startswith("record") else "claimed")
    Delivery.objects.update(lease="of somebody else")
    before = Delivery.objects.values().get()
    ACTS[act][0](row)
    assert Delivery.objects.values().get() == before


def test_an_outcome_that_the_state_machine_forbids_is_an_error(row: Delivery) -> None:
    put(row, "sending")
    with pytest.raises(ValueError, match="never becomes"):
        services.record(row.message_channel_id, [outcome(row, Status.SUPPRESSED)], lease=LEASE)


def test_each_row_of_a_window_keeps_its_own_outcome(bell: Bell) -> None:
    school.enrol(4)
    school.publish(channels=["sms"])
    bell.answer("workers.fan_out")
    ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    channel = MessageChannel.objects.get()
    services.claim(ids, lease=LEASE)
    assert services.mark_sending(ids, lease=LEASE, account_id=1, kind="sms") == set(ids)
    outcomes = [
        Outcome(ids[0], Status.ACCEPTED, account_id=1, reference="SM0"),
        Outcome(ids[1], Status.ACCEPTED, account_id=1, reference="SM1"),
        Outcome(ids[2], Status.FAILED, "no_such_number"),
        Outcome(ids[3], Status.WAITING, "throttled", due_in=timedelta(seconds=9), burns_attempt=False, tried=False),
    ]
    assert services.record(channel.pk, outcomes, lease=LEASE, took_ms=7) == 4
    rows = Delivery.objects.order_by("pk").values_list("status", "reason", "attempt")
    assert list(rows) == [
        ("accepted", "", 1),
        ("accepted", "", 1),
        ("failed", "no_such_number", 1),
        ("waiting", "throttled", 0),
    ]
    logged = Attempt.objects.order_by("delivery").values_list("delivery", "number", "account", "status", "reference")
    assert list(logged) == [
        (ids[0], 1, 1, "accepted", "SM0"),
        (ids[1], 1, 1, "accepted", "SM1"),
        (ids[2], 1, None, "failed", ""),
    ]
    assert set(Attempt.objects.values_list("took_ms", flat=True)) == {7}
    assert_counters_tell_the_truth()


def test_only_what_was_still_to_be_had_is_claimed(bell: Bell) -> None:
    school.enrol(5)
    school.publish()
    bell.answer("workers.fan_out")
    ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    assert services.claim(ids[1:3], lease="of somebody else") == set(ids[1:3])
    assert services.claim(ids, lease=LEASE) == {ids[0], *ids[3:]}
    assert set(Delivery.objects.filter(lease=LEASE).values_list("pk", flat=True)) == {ids[0], *ids[3:]}


def test_a_writer_that_lost_some_rows_of_its_window_logs_only_the_others(bell: Bell) -> None:
    school.enrol(3)
    school.publish()
    bell.answer("workers.fan_out")
    ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    services.claim(ids, lease=LEASE)
    services.mark_sending(ids, lease=LEASE, account_id=1, kind="sms")
    Delivery.objects.filter(pk=ids[1]).update(status="unknown", lease="")
    outcomes = [Outcome(pk, Status.ACCEPTED) for pk in ids]
    assert services.record(MessageChannel.objects.get(channel__key="email").pk, outcomes, lease=LEASE) == 2
    assert list(Attempt.objects.order_by("pk").values_list("delivery", flat=True)) == [ids[0], ids[2]]
    assert_counters_tell_the_truth()


def test_the_log_of_attempts_tells_of_a_worker_that_died_in_the_call(row: Delivery) -> None:
    put(row, "sending")
    services.end_lease(LEASE)
    services.end_lease(LEASE)
    services.resolve(row.message_channel_id, [Outcome(row.pk, Status.FAILED, "unconfirmed", 1)])
    logged = Attempt.objects.values_list("number", "status", "reason")
    assert list(logged) == [(1, "unknown", "lease_over"), (1, "failed", "unconfirmed")]


def test_the_journal_of_a_dead_worker_leaves_one_row_in_doubt(bell: Bell) -> None:
    school.enrol(5)
    school.publish(channels=["sms"])
    bell.answer("workers.fan_out")
    taken, begun, untouched, *claimed = Delivery.objects.order_by("pk").values_list("pk", flat=True)
    services.claim([taken, begun, untouched, *claimed], lease=LEASE)
    services.mark_sending([taken, begun, untouched], lease=LEASE, account_id=1, kind="sms")
    known = Known({taken: "SM1"}, frozenset({begun}), complete=True)
    ended = services.end_lease(LEASE, known)
    assert ended == {Status.ACCEPTED: 1, Status.UNKNOWN: 1, Status.WAITING: 1, Status.QUEUED: 2}
    rows = list(Delivery.objects.order_by("pk").values_list("status", "attempt", "maybe_duplicate"))
    assert rows == [("accepted", 1, False), ("unknown", 1, False), ("waiting", 0, False), *[("queued", 0, False)] * 2]
    logged = Attempt.objects.order_by("delivery").values_list("delivery", "number", "status", "reference")
    assert list(logged) == [(taken, 1, "accepted", "SM1"), (begun, 1, "unknown", "")]
    assert_counters_tell_the_truth()
    assert not Lease.objects.exists()


def test_while_a_worker_may_live_its_lease_does_not_end_early(row: Delivery) -> None:
    put(row, "sending")
    Lease.objects.update(due_at=Now() + timedelta(seconds=1))
    assert not services.end_lease(LEASE, Known({row.pk: "SM1"}, complete=False))
    assert Delivery.objects.get().status == "sending"


def test_what_a_living_worker_has_not_begun_when_its_lease_is_over_is_in_doubt(row: Delivery) -> None:
    put(row, "sending")
    assert services.end_lease(LEASE, Known(complete=False)) == {Status.UNKNOWN: 1}


def test_a_reference_longer_than_the_column_does_not_sink_the_window(row: Delivery) -> None:
    put(row, "sending")
    accepted = Outcome(row.pk, Status.ACCEPTED, reference="r" * 300)
    assert services.record(row.message_channel_id, [accepted], lease=LEASE) == 1
    assert Attempt.objects.get().reference == "r" * 128


def assert_counters_tell_the_truth() -> None:
    """I8: the counters are what GROUP BY says."""
    for channel in MessageChannel.objects.filter(channel__address_kind__gt=""):
        counted = dict(channel.deliveries.values_list("status").annotate(number=Count("*")))
        assert {str(name): getattr(channel, name) for name in SETTLED} == {
            str(name): counted.get(name, 0) for name in SETTLED
        }
        assert channel.total == sum(counted.values())
