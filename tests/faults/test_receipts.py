"""Faults around receipts, on real processes: the provider took it, and then somebody died or kept silent."""

import collections
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.twilio_callbacks import Report
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN, TwilioServer
from tests.services.process import Process
from tests.services.stack import Stack

pytestmark = pytest.mark.timeout(240)
CONTROL = ["fanout", "periodic", "receipts"]
QUICK = {"MSGCENTER_LEASE_SECONDS": "4", "MSGCENTER_RING_AGAIN_SECONDS": "3"}
CONNECT = """
    from apps.channels import services
    from apps.channels.models import ProviderAccount
    account = ProviderAccount.objects.get(channel__key="sms")
    account.provider = "twilio"
    account.save()
    services.configure(account, {settings!r}, by=None)
"""
PUBLISH = """
    from workers.tests import school
    school.enrol({people})
    school.publish(channels=["sms"], content="您好 ((name))")
"""
STATES = "SELECT status, COUNT(*) FROM delivery_delivery GROUP BY status ORDER BY status"

Open = Callable[[], tuple[Stack, TwilioServer]]


@pytest.fixture
def open_school(live_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Open]:
    """A stack with a web server, whose SMS go to a Twilio that knows it by its public address."""
    with TwilioServer(ledger=tmp_path / "twilio.jsonl") as twilio:

        def start() -> tuple[Stack, TwilioServer]:
            stack = live_stack(MSGCENTER_PUBLIC_URL="https://msg.school.example", **QUICK)
            twilio.reporter.proxy = stack.web().url
            told = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from_number": "+12015550100"}
            stack.shell(CONNECT.format(settings={**told, "base_url": twilio.url}))
            return stack, twilio

        yield start


def start_control(stack: Stack) -> Process:
    stack.beat()
    return stack.worker(queues=CONTROL, concurrency=2)


def die_after_the_first_accept(stack: Stack, twilio: TwilioServer) -> None:
    """The whole group of sending workers is killed when Twilio has the message, before it can answer."""
    doomed = [stack.worker(queues=["sms.bulk"], concurrency=2) for _ in range(2)]

    def kill(_entry: dict) -> None:
        twilio.before_answer = None
        for one in doomed:
            stack.kill9(one)

    twilio.before_answer = kill


def test_fault_02_a_worker_killed_after_the_accept_is_told_by_the_callback(open_school: Open) -> None:
    stack, twilio = open_school()
    # So that nothing but the callback can tell.
    twilio.listed = False
    twilio.reports = lambda _entry: [Report("sent"), Report("delivered", after=0.5)]
    start_control(stack)
    die_after_the_first_accept(stack, twilio)
    stack.shell(PUBLISH.format(people=1))
    stack.wait_for(STATES, [("delivered", 1)], seconds=60)
    assert twilio.reporter.answers == [("sent", 202), ("delivered", 202)]
    assert_nothing_more_is_sent(stack, twilio)


def test_fault_03_with_its_callbacks_lost_the_providers_list_tells(open_school: Open) -> None:
    stack, twilio = open_school()
    start_control(stack)
    die_after_the_first_accept(stack, twilio)
    stack.shell(PUBLISH.format(people=1))
    stack.wait_for(STATES, [("accepted", 1)], seconds=60)
    assert twilio.reporter.answers == []
    assert twilio.lists >= 1
    assert_nothing_more_is_sent(stack, twilio)


def test_fault_19_20_shuffled_doubled_contradictory_and_forged_while_redis_dies(open_school: Open) -> None:
    people = 30
    stack, twilio = open_school()
    chance = random.Random(19)
    genuine = [Report("queued"), Report("sent"), Report("undelivered", 30003), Report("delivered")] * 3

    def reports(_entry: dict) -> list[Report]:
        chance.shuffle(genuine)
        return [*genuine, Report("failed", 30005, forged=True)]

    twilio.reports = reports
    start_control(stack)
    stack.worker(queues=["sms.bulk"], concurrency=2)
    stack.shell(PUBLISH.format(people=people))
    twilio.reporter.wait(people)
    stack.redis.kill9()
    twilio.reporter.wait(people * 13, seconds=90)
    stack.redis.start()
    # A worker may have ended with its broker; whoever runs it starts it again.
    stack.worker(queues=CONTROL, concurrency=2)
    stack.wait_for(STATES, [("delivered", people)], seconds=90)
    answers = collections.Counter(status for _word, status in twilio.reporter.answers)
    assert answers == {202: people * 12, 403: people}, "also while there is no broker"
    assert stack.rows("SELECT COUNT(*) FROM delivery_receipt") == [(people * 4,)]
    stack.wait_for("SELECT COUNT(*) FROM delivery_receipt WHERE due_at IS NOT NULL", [(0,)], seconds=30)
    assert stack.rows("SELECT COUNT(*) FROM delivery_suppression") == [(0,)], "nobody's number is dead"
    assert_nothing_more_is_sent(stack, twilio)


def assert_nothing_more_is_sent(stack: Stack, twilio: TwilioServer) -> None:
    """With workers there, and the message finished: everybody got exactly one, and the counters say the same."""
    stack.worker(queues=["sms.bulk"], concurrency=2)
    stack.wait_for("SELECT status FROM messaging_message", [("finished",)], seconds=30)
    stack.manage("sweep", "ring_again")
    taken = collections.Counter(entry["to"] for entry in twilio.accepted)
    people = {address for (address,) in stack.rows("SELECT address FROM delivery_delivery")}
    assert taken == dict.fromkeys(people, 1)
    counters = "SELECT total, accepted + delivered, failed FROM messaging_messagechannel"
    assert stack.rows(counters) == [(len(people), len(people), 0)]
