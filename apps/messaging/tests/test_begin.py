"""A scheduled message starts once, when its time has come, or never."""

import pytest

from apps.accounts import keys
from apps.accounts.keys import KeyDraft
from apps.accounts.models import User
from apps.accounts.tests.factories import a_user_with
from apps.core.models import Alert
from apps.core.tests.threads import together
from apps.messaging import selectors
from apps.messaging import services as messaging
from apps.messaging.models import Message, MessageType
from apps.messaging.states import Status
from apps.messaging.tests.acts import audited, put, soon, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message
from tests.services.redis_server import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def due(world: World) -> Message:
    message = a_message(world.author, world.office, to=world.classroom)
    return put(message, Status.SCHEDULED, publish_at=soon(-1))


def test_starts_when_its_time_has_come(due: Message) -> None:
    assert selectors.publish_due(10) == [due.pk]
    assert messaging.begin(due.pk) is True
    assert status_of(due) == Status.PUBLISHING
    assert Message.objects.get().published_at is not None
    assert audited("begin") == [("msgcenter", str(due.pk))]
    assert selectors.publish_due(10) == []


def test_second_time_does_nothing(due: Message) -> None:
    assert messaging.begin(due.pk)
    before = Message.objects.values().get()
    assert messaging.begin(due.pk) is False
    assert Message.objects.values().get() == before
    assert len(audited("begin")) == 1


def test_does_not_start_too_early(due: Message) -> None:
    put(due, Status.SCHEDULED, publish_at=soon(5))
    assert selectors.publish_due(10) == []
    assert messaging.begin(due.pk) is False
    assert status_of(due) == Status.SCHEDULED
    assert audited("begin") == []


@pytest.mark.parametrize("status", [one for one in Status if one != Status.SCHEDULED])
def test_only_a_scheduled_message_starts(due: Message, status: Status) -> None:
    put(due, status)
    assert messaging.begin(due.pk) is False
    assert status_of(due) == status


def test_whose_expiry_has_passed_too_is_expired_and_never_published(due: Message) -> None:
    put(due, Status.SCHEDULED, publish_at=soon(-20), expires_at=soon(-10))
    assert messaging.begin(due.pk) is True
    assert status_of(due) == Status.EXPIRED
    assert Message.objects.get().published_at is None
    assert audited("begin") == []
    assert audited("expire") == [("msgcenter", str(due.pk))]
    assert messaging.begin(due.pk) is False


def scheduled(world: World, by: User, **fields: object) -> Message:
    """As `by` would have scheduled it, and its time has come."""
    message = a_message(world.author, world.office, to=world.classroom, publish_at=soon(), **fields)
    messaging.publish(message, by=by)
    return put(message, Status.SCHEDULED, publish_at=soon(-1))


@pytest.mark.parametrize("loss", ["role", "login", "unit"])
def test_who_may_not_publish_any_more_when_the_time_has_come_publishes_nothing(
    world: World, loss: str, alerts_at_once: None
) -> None:
    colleague = a_user_with("author", world.office, username="colleague")
    message = scheduled(world, colleague)
    if loss == "role":
        colleague.roles.update(role="auditor")
    elif loss == "login":
        User.objects.filter(pk=colleague.pk).update(is_active=False)
    else:
        colleague.roles.update(unit=world.other_office)
    assert messaging.begin(message.pk) is False
    assert status_of(message) == Status.DRAFT
    assert audited("begin") == []
    assert audited("return") == [("msgcenter", str(message.pk))]
    alert = Alert.objects.get(kind="publish_refused")
    assert (alert.subject, alert.detail, alert.settled_at) == (str(message.pk), "colleague", None)
    assert selectors.publish_due(10) == []
    put(message, Status.DRAFT, publish_at=None)
    messaging.publish(message, by=world.author)
    assert Alert.objects.get().settled_at is not None


def test_an_approver_who_is_none_any_more_publishes_nothing(world: World, alerts_at_once: None) -> None:
    kind = MessageType.objects.get(key="notice")
    MessageType.objects.filter(pk=kind.pk).update(approval_needed=True)
    message = scheduled(world, world.approver)
    world.approver.roles.update(role="author")
    assert messaging.begin(message.pk) is False
    world.approver.roles.update(role="approver")
    put(message, Status.SCHEDULED)
    assert messaging.begin(message.pk) is True


def test_an_emergency_takes_its_right_also_when_its_time_has_come(world: World, alerts_at_once: None) -> None:
    sender = a_user_with("emergency_sender", world.office)
    message = put(a_message(sender, world.office, to=world.classroom, urgency="emergency", publish_at=soon()), "draft")
    messaging.publish(message, by=sender)
    put(message, Status.SCHEDULED, publish_at=soon(-1))
    sender.roles.update(role="author")
    assert messaging.begin(message.pk) is False
    assert status_of(message) == Status.DRAFT


def test_what_a_key_has_scheduled_ends_with_the_key(world: World, alerts_at_once: None) -> None:
    draft = KeyDraft(name="教务系统", kind="live", scopes=("see", "write", "publish"), unit=world.office)
    made = keys.create(draft, by=world.administrator)
    message = scheduled(world, keys.acting(keys.find(made.token)))
    assert message.publisher_key == made.row
    assert messaging.begin(message.pk) is True
    message = scheduled(world, keys.acting(keys.find(made.token)))
    keys.revoke(made.row, by=world.administrator)
    assert messaging.begin(message.pk) is False
    assert status_of(message) == Status.DRAFT


def test_whoever_lost_something_else_publishes_as_planned(world: World) -> None:
    """Its author has left, who answers for nothing here."""
    message = scheduled(world, world.administrator)
    User.objects.filter(pk=world.author.pk).update(is_active=False)
    assert messaging.begin(message.pk) is True


@pytest.mark.django_db(transaction=True)
def test_fault_21_begun_by_three_clocks_at_once_starts_once(due: Message, broker: RedisServer) -> None:
    results = together(*[lambda: messaging.begin(due.pk)] * 3)
    assert sorted(results) == [False, False, True]
    assert len(audited("begin")) == 1
    assert broker.command("LLEN", "fanout") == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(5))
def test_begin_against_expire_ends_in_expired_and_publishes_nothing(
    due: Message, broker: RedisServer, turn: int
) -> None:
    put(due, Status.SCHEDULED, publish_at=soon(-20), expires_at=soon(-10))
    results = together(lambda: messaging.begin(due.pk), lambda: messaging.expire(due.pk))
    assert sorted(results) == [False, True]
    assert status_of(due) == Status.EXPIRED
    assert audited("begin") == []
    assert len(audited("expire")) == 1
