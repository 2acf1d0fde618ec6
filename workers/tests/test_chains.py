"""Doorbells in chains: messages take turns, and a lost chain costs nothing but time."""

import pytest
from django.db.models.functions import Now

from apps.channels.models import Channel, SandboxMessage
from apps.core import jobs
from apps.delivery import chains
from apps.delivery.models import Delivery, Lease
from apps.messaging.models import Message, MessageChannel
from workers import dispatch, fanout, sweep
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_batches() -> None:
    Channel.objects.filter(key="email").update(batch_size=2, chains=3)


def fan_out(bell: Bell) -> MessageChannel:
    message = school.publish(channels=["email"])
    bell.answer(jobs.FAN_OUT)
    return message.message_channels.get()


def ranges(bell: Bell) -> list[tuple[int, ...]]:
    return [args for _job, args, _lane in bell.rung]


def answer_next(bell: Bell) -> int:
    """What a worker does with the oldest doorbell. Returns its message channel."""
    _job, args, _lane = bell.rung.pop(0)
    dispatch.deliver(*args)
    return args[0]


def test_a_message_has_only_so_many_doorbells_in_the_queue(bell: Bell) -> None:
    school.enrol(20)
    fan_out(bell)
    longest = len(bell.rung)
    while bell.rung:
        answer_next(bell)
        longest = max(longest, len(bell.rung))
    assert longest == 3
    assert SandboxMessage.objects.count() == 20


def test_a_message_smaller_than_its_chains_is_shared_among_them(bell: Bell) -> None:
    Channel.objects.filter(key="email").update(batch_size=30, chains=10)
    school.enrol(100)
    fan_out(bell)
    assert [last - first + 1 for _channel, first, last in ranges(bell)] == [10] * 10


def test_a_batch_is_not_cut_smaller_than_a_fifth(bell: Bell) -> None:
    Channel.objects.filter(key="email").update(batch_size=30, chains=64)
    school.enrol(15)
    fan_out(bell)
    assert [last - first + 1 for _channel, first, last in ranges(bell)] == [6, 6, 3]


def test_the_next_doorbells_are_rung_when_half_are_answered(bell: Bell) -> None:
    Channel.objects.filter(key="email").update(batch_size=2, chains=4)
    school.enrol(20)
    fan_out(bell)
    waiting = [len(bell.rung)]
    while bell.rung:
        answer_next(bell)
        waiting.append(len(bell.rung))
    assert waiting == [4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 2, 1, 0]


def test_the_end_of_a_long_message_is_cut_smaller(bell: Bell) -> None:
    """Also while batches are under way: a thread that is through early has something left to take."""
    Channel.objects.filter(key="email").update(batch_size=10, chains=4)
    school.enrol(100)
    fan_out(bell)
    sizes = []
    while bell.rung:
        (_channel, first, last) = ranges(bell)[0]
        sizes.append(last - first + 1)
        answer_next(bell)
    assert sizes == [10] * 8 + [5, 5] + [3, 3, 2, 2]


def test_doorbells_that_the_broker_did_not_take_are_rung_again_though_the_lane_is_not_empty(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.enrol(6)
    message = school.publish(channels=["email"])
    with monkeypatch.context() as failing:
        failing.setattr(jobs, "ring", lambda *args, **options: False)
        fanout.fan_out(message.pk)
    bell.rung.clear()
    bell.rung.append((jobs.DELIVER, (0, 0, 0), "email.bulk"))
    sweep.ring_again()
    assert len(bell.rung) == 4


def test_doubled_doorbells_do_not_make_the_lost_ones_forgotten(bell: Bell) -> None:
    """Those of before a revival are answered as well, and each of them ends a chain."""
    school.enrol(6)
    fan_out(bell)
    del bell.rung[1:]
    bell.rung *= 4
    while bell.rung:
        answer_next(bell)
    assert SandboxMessage.objects.count() < 6
    sweep.ring_again()
    bell.answer()
    assert SandboxMessage.objects.count() == 6
    assert MessageChannel.objects.get(channel__key="email").ring_at is None


def test_a_small_message_does_not_wait_for_a_huge_one(bell: Bell) -> None:
    people = school.enrol(100)
    huge = fan_out(bell)
    queue = list(bell.rung)
    bell.rung.clear()
    small = school.publish(channels=["email"], rows={people[0].pk: {}})
    bell.answer(jobs.FAN_OUT)
    small_channel = small.message_channels.get()
    bell.rung[:0] = queue
    order = [answer_next(bell) for _ in range(5)]
    assert order.index(small_channel.pk) == 3, "behind the chains of the huge one, not behind its 50 batches"
    assert Delivery.objects.filter(message_channel=huge, status="queued").count() == 92


def test_two_huge_messages_take_turns(bell: Bell) -> None:
    school.enrol(40)
    one = fan_out(bell)
    queue = list(bell.rung)
    bell.rung.clear()
    two = fan_out(bell)
    bell.rung[:0] = queue
    order = [answer_next(bell) for _ in range(24)]
    assert abs(order.count(one.pk) - order.count(two.pk)) <= 3


@pytest.mark.usefixtures("_slice_by_slice")
def test_fan_out_rings_for_what_the_chains_ran_out_of(bell: Bell, settings: object) -> None:
    settings.FAN_OUT_SLICE = 2
    school.enrol(6)
    message = school.publish(channels=["email"])
    for made in (2, 4, 6):
        fanout.fan_out(message.pk)
        bell.rung = [one for one in bell.rung if one[0] == jobs.DELIVER]
        while bell.rung:
            answer_next(bell)
        assert SandboxMessage.objects.count() == made


def test_what_was_lost_is_rung_anew_from_the_first_row(bell: Bell) -> None:
    school.enrol(20)
    message_channel = fan_out(bell)
    before = ranges(bell)
    bell.rung.clear()
    chains.go_on(message_channel.pk)
    bell.rung.clear()
    chains.revive(message_channel.pk)
    assert ranges(bell) == before


def test_when_all_is_rung_and_answered_nobody_looks_after_the_message_any_more(bell: Bell) -> None:
    school.enrol(5)
    message_channel = fan_out(bell)
    bell.answer()
    message_channel.refresh_from_db()
    assert (message_channel.chains_out, message_channel.ring_at) == (0, None)


def test_a_row_that_comes_back_to_the_queue_is_rung_though_its_chains_have_ended(bell: Bell) -> None:
    school.enrol(5)
    fan_out(bell)
    bell.answer()
    first = Delivery.objects.order_by("pk").first()
    Delivery.objects.filter(pk=first.pk).update(status="waiting", due_at=first.updated_at)
    SandboxMessage.objects.all().delete()
    sweep.promote_waiting()
    bell.answer()
    assert SandboxMessage.objects.get().delivery_id == first.pk


def test_a_row_that_came_back_is_found_although_nobody_rang(bell: Bell) -> None:
    """The process died between the commit and the doorbell."""
    school.enrol(5)
    message_channel = fan_out(bell)
    bell.answer()
    first = Delivery.objects.order_by("pk").first()
    Delivery.objects.filter(pk=first.pk).update(status="claimed", lease="dead")
    Lease.objects.create(token="dead", first_id=first.pk, last_id=first.pk, due_at=first.updated_at)
    sweep.return_leases()
    assert not bell.rung
    sweep.ring_again()
    assert ranges(bell) == [(message_channel.pk, first.pk, first.pk)]


def test_what_no_longer_fits_into_a_batch_is_rung_for_again(bell: Bell) -> None:
    """Somebody made the batches smaller while doorbells for larger ones were in the queue."""
    school.enrol(4)
    fan_out(bell)
    Channel.objects.filter(key="email").update(batch_size=1)
    bell.answer()
    assert SandboxMessage.objects.count() == 2
    MessageChannel.objects.update(ring_at=Now())
    sweep.ring_again()
    bell.answer()
    assert SandboxMessage.objects.count() == 4


def test_a_recalled_message_is_not_rung_for(bell: Bell) -> None:
    school.enrol(20)
    fan_out(bell)
    bell.rung.clear()
    Message.objects.update(status="recalled")
    sweep.ring_again()
    assert not bell.rung


def test_a_worker_that_dies_after_the_last_slice_and_before_its_doorbells_leaves_nothing_behind(bell: Bell) -> None:
    school.enrol(5)
    message = school.publish(channels=["email"])
    bell.rung.clear()
    assert fanout.freeze_slice(message.pk, size=10)
    sweep.publish_due()
    Message.objects.update(ring_at=message.published_at)
    sweep.publish_due()
    bell.answer(jobs.FAN_OUT)
    assert not bell.rung
    sweep.ring_again()
    bell.answer()
    assert SandboxMessage.objects.count() == 5
