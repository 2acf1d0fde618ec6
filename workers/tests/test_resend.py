"""What nobody confirmed goes out again by one click, says so, and is counted once."""

import pytest
from django.db.models import Count

from apps.accounts.tests.factories import a_user, an_author
from apps.audit.models import Entry
from apps.channels.models import SandboxMessage
from apps.core.errors import Conflict, MsgcenterError, NotFound
from apps.core.tests.threads import together
from apps.delivery import services
from apps.delivery.models import Delivery
from apps.delivery.states import SETTLED, Status
from apps.directory.models import OrgUnit
from apps.messaging.models import Message, MessageChannel
from workers import sweep
from workers.tests import school
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(bell: Bell) -> list[Delivery]:
    """Three SMS that were sent, none of them confirmed; the message is finished."""
    school.enrol(3)
    school.publish(channels=["inbox", "sms"])
    bell.answer()
    SandboxMessage.objects.all().delete()
    put("failed", "unconfirmed")
    Message.objects.update(status="finished")
    return list(Delivery.objects.order_by("pk"))


def put(status: str, reason: str = "") -> None:
    Delivery.objects.update(status=status, reason=reason, lease="old")
    counted = {name: 3 * (name == status) for name in map(str, SETTLED)}
    MessageChannel.objects.filter(channel__key="sms").update(**counted)


def assert_counters() -> None:
    row = MessageChannel.objects.get(channel__key="sms")
    counted = dict(Delivery.objects.values_list("status").annotate(Count("pk")))
    assert {name: getattr(row, name) for name in map(str, SETTLED)} == {
        str(name): counted.get(name, 0) for name in SETTLED
    }


def test_an_unconfirmed_row_goes_out_again_says_so_and_the_message_finishes_again(
    bell: Bell, rows: list[Delivery]
) -> None:
    row = services.resend(rows[0].pk, by=school.root())
    assert (row.status, row.reason, row.maybe_duplicate, row.lease) == ("waiting", "resent", True, "")
    assert Message.objects.get().status == "published"
    assert_counters()
    sweep.finish()
    assert Message.objects.get().status == "published"
    sweep.promote_waiting()
    bell.answer()
    sweep.finish()
    row.refresh_from_db()
    assert (row.status, row.attempt, row.maybe_duplicate) == ("accepted", 2, True)
    assert SandboxMessage.objects.count() == 1
    assert Message.objects.get().status == "finished"
    assert_counters()
    assert list(Entry.objects.filter(verb="resend").values_list("actor_name", "object_id")) == [("root", str(row.pk))]


def test_an_unknown_row_goes_out_again(bell: Bell, rows: list[Delivery]) -> None:
    put("unknown", "timeout")
    Message.objects.update(status="published")
    services.resend(rows[0].pk, by=school.root())
    sweep.promote_waiting()
    bell.answer()
    assert Delivery.objects.get(pk=rows[0].pk).status == "accepted"
    assert SandboxMessage.objects.count() == 1
    assert_counters()


@pytest.mark.parametrize("status", [one for one in Status if one != Status.UNKNOWN])
def test_a_known_outcome_is_not_sent_again(bell: Bell, rows: list[Delivery], status: Status) -> None:
    put(status, "no_such_address")
    with pytest.raises(Conflict):
        services.resend(rows[0].pk, by=school.root())
    assert Delivery.objects.get(pk=rows[0].pk).status == status
    assert Message.objects.get().status == "finished", "the whole act is undone"
    assert_counters()


@pytest.mark.parametrize("status", ["recalled", "expired", "scheduled", "draft"])
def test_of_a_message_that_is_over_nothing_is_sent_again(bell: Bell, rows: list[Delivery], status: str) -> None:
    Message.objects.update(status=status)
    with pytest.raises(Conflict):
        services.resend(rows[0].pk, by=school.root())
    with pytest.raises(Conflict):
        services.resend_unconfirmed(Message.objects.get(), by=school.root())
    assert set(Delivery.objects.values_list("status", flat=True)) == {"failed"}


def test_the_second_click_is_a_conflict(bell: Bell, rows: list[Delivery]) -> None:
    services.resend(rows[0].pk, by=school.root())
    with pytest.raises(Conflict):
        services.resend(rows[0].pk, by=school.root())
    assert Entry.objects.filter(verb="resend").count() == 1
    assert_counters()


@pytest.mark.django_db(transaction=True)
def test_clicked_by_many_at_once_it_goes_out_once(bell: Bell, rows: list[Delivery]) -> None:
    by = school.root()
    results = together(*[lambda: services.resend(rows[0].pk, by=by)] * 4)
    assert sorted(type(one).__name__ for one in results) == ["Conflict"] * 3 + ["Delivery"]
    assert_counters()
    sweep.promote_waiting()
    bell.answer()
    assert SandboxMessage.objects.count() == 1


def test_all_unconfirmed_at_once_and_nothing_else(bell: Bell, rows: list[Delivery]) -> None:
    Delivery.objects.filter(pk=rows[2].pk).update(reason="no_such_number")
    assert services.resend_unconfirmed(Message.objects.get(), by=school.root()) == 2
    assert_counters()
    with pytest.raises(Conflict):
        services.resend_unconfirmed(Message.objects.get(), by=school.root())
    sweep.promote_waiting()
    bell.answer()
    assert SandboxMessage.objects.count() == 2
    assert Entry.objects.get(verb="resend").details == {"deliveries": 2}
    assert_counters()


@pytest.mark.parametrize(("role", "error"), [("stranger", NotFound), ("reader", NotFound), ("approver", None)])
def test_by_those_who_may_publish_the_message(
    bell: Bell, rows: list[Delivery], role: str, error: type[MsgcenterError] | None
) -> None:
    unit = OrgUnit.objects.get()
    who = {
        "approver": lambda: an_author(unit),
        "stranger": lambda: an_author(OrgUnit.objects.create(name="elsewhere", kind="department")),
        "reader": a_user,
    }[role]()
    if error is None:
        assert services.resend(rows[0].pk, by=who).maybe_duplicate
        return
    with pytest.raises(error):
        services.resend(rows[0].pk, by=who)
    assert Delivery.objects.get(pk=rows[0].pk).status == "failed"


def test_there_is_no_such_delivery(bell: Bell) -> None:
    with pytest.raises(NotFound):
        services.resend(99, by=school.root())
