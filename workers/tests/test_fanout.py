"""Fan-out: message -> rows, in slices, resumable anywhere."""

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.core import jobs
from apps.delivery import services
from apps.delivery.models import Delivery, Recipient, Suppression
from apps.directory.models import ContactPoint, Person, Relation
from apps.messaging import services as messaging
from apps.messaging.drafts import Draft, Rule
from apps.messaging.models import AudienceRule, Message, MessageType
from workers import fanout
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db


def test_everybody_gets_one_row_per_channel_that_leaves_the_house(bell: Bell) -> None:
    people = school.enrol(7)
    message = school.publish(channels=["inbox", "email", "sms"])
    bell.answer(jobs.FAN_OUT)
    message.refresh_from_db()
    assert message.status == "published"
    assert message.audience_size == 7
    assert set(Recipient.objects.values_list("person", flat=True)) == {person.pk for person in people}
    counted = {row.channel.key: (row.total, row.delivered) for row in message.message_channels.all()}
    assert counted == {"inbox": (7, 7), "email": (7, 0), "sms": (7, 0)}
    assert Delivery.objects.count() == 14


def test_the_address_is_the_oldest_of_its_kind(bell: Bell) -> None:
    (person,) = school.enrol(1)
    ContactPoint.objects.create(person=person, kind="email", value="aaa@stu.school.example")
    school.publish(channels=["email"])
    bell.answer(jobs.FAN_OUT)
    assert Delivery.objects.get().address == "s0@stu.school.example"


def test_who_cannot_or_must_not_be_written_to_is_born_suppressed_with_the_reason(bell: Bell) -> None:
    ok, nowhere, opted_out, dead = school.enrol(4)
    ContactPoint.objects.filter(person=nowhere, kind="email").delete()
    for person, reason in ((opted_out, "opted_out"), (dead, "dead_address")):
        address = ContactPoint.objects.get(person=person, kind="email").value
        Suppression.objects.create(kind="email", value=address, reason=reason)
        Suppression.objects.create(kind="mobile", value=address, reason="opted_out")
    message = school.publish(channels=["inbox", "email"])
    bell.answer(jobs.FAN_OUT)
    assert set(Delivery.objects.values_list("recipient__person", "status", "reason")) == {
        (ok.pk, "queued", ""),
        (nowhere.pk, "suppressed", "no_address"),
        (opted_out.pk, "suppressed", "opted_out"),
        (dead.pk, "suppressed", "dead_address"),
    }
    assert not Delivery.objects.filter(status="suppressed", due_at__isnull=False).exists()
    assert message.message_channels.get(channel__key="email").suppressed == 3
    # Opting out of a channel never hides a message from the inbox.
    assert Recipient.objects.count() == 4


@pytest.mark.usefixtures("_slice_by_slice")
def test_slices_add_up_to_the_audience(bell: Bell, settings: Settings) -> None:
    settings.FAN_OUT_SLICE = 3
    people = school.enrol(10)
    message = school.publish()
    assert bell.answer(jobs.FAN_OUT) == 5
    message.refresh_from_db()
    assert message.audience_size == Recipient.objects.count() == Delivery.objects.count() == len(people)


def test_a_doorbell_covers_batch_size_rows_and_together_they_cover_all(bell: Bell) -> None:
    school.enrol(5)
    message = school.publish(channels=["email"])
    channel = message.message_channels.get()
    channel.channel.batch_size, channel.channel.chains = 2, 3
    channel.channel.save()
    bell.answer(jobs.FAN_OUT)
    rung = [one for one in bell.rung if one[0] == jobs.DELIVER]
    assert {lane for _job, _args, lane in rung} == {"email.bulk"}
    ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    assert [args[1:] for _job, args, _lane in rung] == [(ids[0], ids[1]), (ids[2], ids[3]), (ids[4], ids[4])]


@pytest.mark.parametrize(("urgency", "lane"), [("general", "email.bulk"), ("urgent", "email.urgent")])
def test_the_lane_follows_the_urgency(bell: Bell, urgency: str, lane: str) -> None:
    school.enrol(1)
    school.publish(channels=["email"], urgency=urgency)
    bell.answer(jobs.FAN_OUT)
    assert [one[2] for one in bell.rung] == [lane]


def test_a_turn_is_as_many_slices_as_there_is_time_for(
    bell: Bell, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "TURN", 60.0)
    settings.FAN_OUT_SLICE = 3
    school.enrol(10)
    message = school.publish()
    bell.rung *= 2
    assert bell.answer(jobs.FAN_OUT) == 2
    assert message.message_channels.get(channel__key="email").total == 10


def test_nobody_gives_way_while_nobody_waits(bell: Bell, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "TURN", -1.0)
    settings.FAN_OUT_SLICE = 3
    school.enrol(10)
    message = school.publish()
    assert bell.answer(jobs.FAN_OUT) == 1
    assert message.message_channels.get(channel__key="email").total == 10


def test_without_a_broker_to_ask_it_goes_on(bell: Bell, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "TURN", -1.0)
    monkeypatch.setattr(jobs, "backlog", lambda lane: None)
    settings.FAN_OUT_SLICE = 3
    school.enrol(10)
    message = school.publish()
    assert bell.answer(jobs.FAN_OUT) == 1
    assert message.message_channels.get(channel__key="email").total == 10


def test_slices_grow_while_they_are_short_and_each_turn_begins_small(
    bell: Bell, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "TURN", 60.0)
    monkeypatch.setattr(fanout, "SHORT", 60.0)
    settings.FAN_OUT_SLICE = 1
    sizes = []
    freeze = fanout.freeze_slice
    monkeypatch.setattr(fanout, "freeze_slice", lambda pk, *, size: sizes.append(size) or freeze(pk, size=size))
    school.enrol(10)
    for _ in range(2):
        school.publish()
        bell.answer(jobs.FAN_OUT)
    assert sizes == [1, 2, 4, 8, 8] * 2


def test_two_messages_take_turns(bell: Bell, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "TURN", -1.0)
    settings.FAN_OUT_SLICE = 3
    school.enrol(10)
    messages = [school.publish(), school.publish()]
    for _ in range(4):
        _job, args, _lane = bell.rung.pop(0)
        fanout.fan_out(*args)
        bell.rung = [one for one in bell.rung if one[0] == jobs.FAN_OUT]
    assert [Recipient.objects.filter(message=message).count() for message in messages] == [6, 6]


def test_killed_between_slices_it_goes_on_at_the_cursor(bell: Bell, settings: Settings) -> None:
    settings.FAN_OUT_SLICE = 4
    school.enrol(10)
    message = school.publish()
    bell.rung.clear()
    assert fanout.freeze_slice(message.pk, size=4)
    # The worker dies here: no doorbell, no further slice. The sweep rings again.
    fanout.fan_out(message.pk)
    bell.answer(jobs.FAN_OUT)
    assert Delivery.objects.count() == Recipient.objects.count() == 10
    assert message.message_channels.get(channel__key="email").total == 10


def test_killed_inside_a_slice_nothing_of_it_stays(
    bell: Bell, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.enrol(4)
    message = school.publish()

    def die(*args: object, **kwargs: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(messaging, "move_cursor", die)
        with pytest.raises(SystemExit):
            fanout.freeze_slice(message.pk, size=4)
    assert not Recipient.objects.exists()
    bell.answer(jobs.FAN_OUT)
    assert Delivery.objects.count() == 4


def test_rung_again_after_the_end_it_does_nothing(bell: Bell) -> None:
    school.enrol(3)
    message = school.publish()
    bell.answer(jobs.FAN_OUT)
    before = list(Delivery.objects.values())
    fanout.fan_out(message.pk)
    assert list(Delivery.objects.values()) == before


@pytest.mark.usefixtures("_slice_by_slice")
def test_recalled_in_the_middle_it_stops_and_the_audience_is_what_was_frozen(bell: Bell, settings: Settings) -> None:
    settings.FAN_OUT_SLICE = 4
    school.enrol(10)
    message = school.publish()
    fanout.fan_out(message.pk)
    messaging.recall(message, by=school.root())
    bell.answer()
    message.refresh_from_db()
    assert message.audience_size == Recipient.objects.count() == 4
    assert set(Delivery.objects.values_list("status", "reason")) == {("cancelled", "recalled")}


def test_personal_values_are_frozen_with_the_recipient(bell: Bell) -> None:
    one, two = school.enrol(2)
    message = school.publish(content="Room ((room))", rows={one.pk: {"room": "教2-305"}, two.pk: {"room": "无1 🎓"}})
    bell.answer(jobs.FAN_OUT)
    assert set(Recipient.objects.values_list("values__room", flat=True)) == {"教2-305", "无1 🎓"}
    message.audience_rows.update(values={"room": "too late"})
    assert set(Recipient.objects.values_list("values__room", flat=True)) == {"教2-305", "无1 🎓"}


def test_guardians_are_recipients_of_their_own(bell: Bell) -> None:
    child, other = school.enrol(2)
    guardian = Person.objects.create(name="家长", kind=Person.Kind.GUARDIAN)
    Relation.objects.create(person=guardian, kind=Relation.Kind.GUARDIAN, of=child)
    draft = Draft(
        title="Parents' evening",
        content="Come",
        type=MessageType.objects.get(key="notice"),
        unit=child.units.get(),
        channels=(school.Channel.objects.get(key="inbox"),),
        rules=(Rule(unit=child.units.get(), reach=AudienceRule.Reach.BOTH),),
    )
    messaging.publish(messaging.create(draft, by=school.root()), by=school.root())
    bell.answer(jobs.FAN_OUT)
    assert set(Recipient.objects.values_list("person", flat=True)) == {child.pk, other.pk, guardian.pk}


@pytest.mark.django_db(transaction=True)
def test_two_fan_outs_at_once_give_each_person_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda *args, **kwargs: True)
    school.enrol(40)
    message = school.publish()
    together = threading.Barrier(4)

    def run() -> None:
        together.wait()
        while Message.objects.get(pk=message.pk).status == "publishing":
            fanout.freeze_slice(message.pk, size=5)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    message.refresh_from_db()
    assert message.audience_size == Recipient.objects.count() == Delivery.objects.count() == 40
    assert message.message_channels.get(channel__key="email").total == 40


def test_freezing_takes_as_many_statements_for_many_people_as_for_few(bell: Bell) -> None:
    statements = []
    for number in (10, 200):
        school.enrol(number)
        message = school.publish()
        with CaptureQueriesContext(connection) as captured:
            services.freeze(message, after=0, up_to=10**9)
        statements.append(len(captured))
    assert statements[0] == statements[1]
    assert Delivery.objects.count() == 10 + 210
