"""Who may publish what, once, and at the same price for any audience."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import RoleAssignment
from apps.accounts.tests.factories import an_administrator, an_approver
from apps.audit.models import Entry
from apps.core import jobs
from apps.core.errors import Conflict, InvalidInput, MsgcenterError, NotAllowed, NotFound
from apps.core.tests.threads import together
from apps.directory.models import Membership, OrgUnit, Person
from apps.directory.tests.factories import a_class
from apps.messaging import drafts
from apps.messaging import services as messaging
from apps.messaging.models import Message, MessageType, Urgency
from apps.messaging.states import Status
from apps.messaging.tests.acts import audited, put, soon, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message
from tests.services.redis_server import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(world: World) -> Message:
    return a_message(world.author, world.office, to=world.classroom)


def refused(message: Message, world: World, error: type[MsgcenterError], *, by: str = "author") -> None:
    before = status_of(message)
    with pytest.raises(error):
        messaging.publish(message, by=world.user(by))
    assert status_of(message) == before
    assert audited("publish") == []


@pytest.mark.parametrize("who", ["author", "approver", "administrator", "superuser"])
def test_may_be_published_by(world: World, message: Message, who: str) -> None:
    messaging.publish(message, by=world.user(who))
    found = Message.objects.get()
    assert message.status == found.status == Status.PUBLISHING
    assert found.published_at is not None
    assert found.ring_at > found.published_at
    assert audited("publish") == [(who, str(message.pk))]


@pytest.mark.parametrize("who", ["stranger", "recipient"])
def test_is_not_found_by(world: World, message: Message, who: str) -> None:
    refused(message, world, NotFound, by=who)


def test_right_counts_at_the_time_of_publishing(world: World, message: Message) -> None:
    RoleAssignment.objects.filter(user=world.author).delete()
    refused(message, world, NotFound)


@pytest.fixture
def checked(world: World) -> Message:
    """Of a type that needs approval."""
    kind = MessageType.objects.create(key="checked", title="Checked", approval_needed=True)
    return a_message(world.author, world.office, to=world.classroom, type=kind)


@pytest.mark.parametrize("who", ["approver", "administrator", "superuser"])
def test_approval_is_given_by(world: World, checked: Message, who: str) -> None:
    assert messaging.publish(checked, by=world.user(who)).status == Status.PUBLISHING


def test_approval_is_not_the_author_s(world: World, checked: Message) -> None:
    refused(checked, world, NotAllowed)


def test_approval_is_not_given_by_whoever_wrote_the_text_last(world: World, checked: Message) -> None:
    messaging.change(checked, drafts.of(checked), by=world.administrator)
    refused(checked, world, NotAllowed, by="administrator")
    assert messaging.publish(checked, by=world.approver).status == Status.PUBLISHING


def test_approval_is_not_the_author_s_even_if_he_approves_others(world: World, checked: Message) -> None:
    RoleAssignment.objects.create(user=world.author, unit=world.office, role=RoleAssignment.Role.APPROVER)
    refused(checked, world, NotAllowed)


def test_approval_is_not_another_unit_s(world: World, checked: Message) -> None:
    with pytest.raises(NotFound):
        messaging.publish(checked, by=an_approver(world.other_office))


def test_emergency_needs_its_own_right_to_be_published(world: World) -> None:
    """Otherwise whoever may publish at all could let one go that somebody prepared."""
    message = a_message(world.administrator, world.office, to=world.classroom, urgency=Urgency.EMERGENCY)
    refused(message, world, NotAllowed)
    refused(message, world, NotAllowed, by="approver")
    assert messaging.publish(message, by=an_administrator(world.office)).status == Status.PUBLISHING


@pytest.mark.parametrize("status", [one for one in Status if one != Status.DRAFT])
def test_only_a_draft_can_be_published(world: World, message: Message, status: Status) -> None:
    put(message, status)
    refused(message, world, Conflict)


def test_published_twice_is_a_conflict(world: World, message: Message) -> None:
    again = Message.objects.get()
    messaging.publish(message, by=world.author)
    with pytest.raises(Conflict):
        messaging.publish(again, by=world.author)
    assert len(audited("publish")) == 1


def test_later_is_scheduled_and_rings_nothing(world: World, broker: RedisServer) -> None:
    at = soon()
    message = a_message(world.author, world.office, to=world.classroom, publish_at=at)
    assert messaging.publish(message, by=world.author).status == status_of(message) == Status.SCHEDULED
    assert Entry.objects.get(verb="publish").details == {"publish_at": at.isoformat()}
    assert Message.objects.get().published_at is None
    assert broker.command("LLEN", "fanout") == 0


@pytest.mark.parametrize("field", ["publish_at", "expires_at"])
def test_time_that_has_passed_meanwhile_is_refused(world: World, field: str) -> None:
    message = a_message(world.author, world.office, to=world.classroom, **{field: soon(60)})
    with time_machine.travel(soon(61)):
        refused(message, world, InvalidInput)


@pytest.mark.django_db(transaction=True)
def test_rings_fan_out_after_the_commit(world: World, message: Message, broker: RedisServer) -> None:
    with transaction.atomic():
        messaging.publish(message, by=world.author)
        assert broker.command("LLEN", "fanout") == 0
    assert broker.command("LLEN", "fanout") == 1


@pytest.mark.django_db(transaction=True)
def test_act_that_fails_leaves_neither_state_nor_entry_nor_ring(
    world: World, message: Message, broker: RedisServer
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        messaging.publish(message, by=world.author)
        assert audited("publish")
        raise ZeroDivisionError
    assert status_of(message) == Status.DRAFT
    assert audited("publish") == []
    assert broker.command("LLEN", "fanout") == 0


@pytest.mark.django_db(transaction=True)
def test_entry_that_cannot_be_written_stops_the_act(world: World, message: Message, broker: RedisServer) -> None:
    with no_audit_log(), pytest.raises(Exception, match="audit_entry"):
        messaging.publish(message, by=world.author)
    assert status_of(message) == Status.DRAFT
    assert broker.command("LLEN", "fanout") == 0


@contextmanager
def no_audit_log() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry RENAME TO audit_entry_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_entry_away RENAME TO audit_entry")


@pytest.mark.django_db(transaction=True)
def test_published_by_many_at_once_is_published_once(world: World, message: Message, broker: RedisServer) -> None:
    copies = [Message.objects.get() for _ in range(6)]
    results = together(*[lambda one=one: messaging.publish(one, by=world.author) for one in copies])
    assert sorted(type(one).__name__ for one in results) == ["Conflict"] * 5 + ["Message"]
    assert len(audited("publish")) == 1
    assert broker.command("LLEN", "fanout") == 1


@pytest.mark.django_db(transaction=True)
def test_fault_08_silent_broker_costs_seconds_and_not_the_message(
    world: World, message: Message, broker_at: object, silent_url: str
) -> None:
    broker_at(silent_url)
    started = time.monotonic()
    assert messaging.publish(message, by=world.author).status == Status.PUBLISHING
    assert time.monotonic() - started < 10
    assert status_of(message) == Status.PUBLISHING


@pytest.mark.django_db(transaction=True)
def test_broker_that_is_down_does_not_stop_a_publication(
    world: World, message: Message, broker_at: object, closed_url: str
) -> None:
    broker_at(closed_url)
    messaging.publish(message, by=world.author)
    assert status_of(message) == Status.PUBLISHING
    assert not jobs.ring(jobs.FAN_OUT, (message.pk,), lane="fanout")


def enrol(unit: OrgUnit, count: int) -> None:
    first = Person.objects.count()
    Person.objects.bulk_create(
        Person(name=f"p{n}", kind="student", number=f"N{n}") for n in range(first, first + count)
    )
    people = Person.objects.filter(memberships=None, kind="student")
    Membership.objects.bulk_create(Membership(person=person, unit=unit) for person in people)


def test_price_does_not_depend_on_the_audience(world: World) -> None:
    prices = []
    for count in (10, 1000):
        unit = a_class(world.school)
        enrol(unit, count)
        message = a_message(world.author, world.office, to=unit, channels=("inbox", "email", "sms"))
        with CaptureQueriesContext(connection) as queries:
            messaging.publish(message, by=world.author)
        assert not [one for one in queries.captured_queries if "directory_membership" in one["sql"]]
        prices.append(len(queries))
    assert prices == [prices[0]] * 2
    assert prices[0] < 20
