"""Accounts that are told to slow down, cannot be reached or are refused: nothing is lost and no attempt is burnt."""

import collections
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.operation import BULK, LEASE, Operation
from tests.school import twilio_settings
from tests.servers.base import Fault
from tests.servers.twilio_server import AUTH_TOKEN, TwilioServer
from tests.services.process import free_port
from tests.services.stack import Stack, clock

pytestmark = [pytest.mark.timeout(240), pytest.mark.production]
Rounds = Callable[[int, int], int]
OPEN = {"waiting", "queued", "claimed", "sending"}
#: The ordinary account of the school is put aside; its e-mail goes on as ever.
SET_UP = """
    from apps.channels import services
    sms = Channel.objects.get(key="sms")
    ProviderAccount.objects.filter(channel=sms).update(enabled=False)
    for name, settings in {accounts!r}:
        account = ProviderAccount.objects.create(channel=sms, name=name, provider="twilio")
        services.configure(account, settings, by=None)
"""
PUT_BACK = """
    ProviderAccount.objects.filter(channel__key="sms").update(enabled=False)
    ProviderAccount.objects.filter(pk={ordinary}).update(enabled=True)
"""
CONFIGURE = """
    from apps.channels import services
    services.configure(ProviderAccount.objects.get(name={name!r}), {settings!r}, by=None)
"""
RESUME = """
    from apps.channels import services
    from workers.tests import school
    services.resume(ProviderAccount.objects.get(name={name!r}), by=school.root())
"""
#: As if the rest of all accounts and the pause of all rows were over.
ALL_DUE = """
    from django.utils import timezone
    now = timezone.now()
    ProviderAccount.objects.filter(rests_until__isnull=False).update(rests_until=now)
    Delivery.objects.filter(status="waiting").update(due_at=now)
"""
#: Seconds; longer than a worker goes by the accounts as it last saw them.
SEEN_FOR = 0.8
numbers = itertools.count()


@dataclass
class Office:
    """The school with other SMS accounts, one for each server and named after it, and a second worker for bulk work.

    Names are of this office alone: `name("gone")` is what the account `gone` is called in the database.
    """

    school: Operation
    folder: Path
    servers: dict[str, TwilioServer] = field(default_factory=dict)
    number: int = field(default_factory=numbers.__next__)

    @property
    def stack(self) -> Stack:
        return self.school.stack

    def name(self, account: str) -> str:
        return f"{account} {self.number}"

    def serve(self, name: str, *, port: int = 0) -> TwilioServer:
        self.servers[name] = TwilioServer(ledger=self.folder / f"{name}.jsonl", port=port).__enter__()
        return self.servers[name]

    def open(self, people: int, *, accounts: dict[str, int]) -> None:
        """`accounts`: SMS account -> port of its server."""
        rows = [(self.name(account), account_settings(port)) for account, port in accounts.items()]
        self.school.console.run(SET_UP.format(accounts=rows))
        self.school.enrol(people)
        self.school.visitor(queues=BULK, concurrency=4, lease=LEASE)
        time.sleep(SEEN_FOR)

    def configure(self, account: str, settings: dict[str, object]) -> None:
        self.school.console.run(CONFIGURE.format(name=self.name(account), settings=settings))

    def resume(self, account: str) -> None:
        self.school.console.run(RESUME.format(name=self.name(account)))

    def all_due(self) -> None:
        self.school.console.run(ALL_DUE)

    def publish(self, *channels: str) -> int:
        return self.school.publish(channels=channels)

    def finish(self, message: int) -> None:
        self.school.wait_until_finished(message, seconds=90)

    def finish_soon(self, message: int) -> None:
        """Without sitting out the rests."""
        for _ in clock(90, step=1.0):
            if self.stack.rows(f"SELECT status FROM messaging_message WHERE id = {message}") == [("finished",)]:
                return
            self.all_due()
        raise AssertionError(f"not finished: {self.states(message)}")

    def deliveries(self, message: int, channel: str = "sms") -> list[tuple[str, str, int]]:
        """(address, status, attempt)."""
        return [(row.address, row.status, row.attempt) for row in self.school.deliveries(message, channel)]

    def states(self, message: int) -> set[tuple[str, int]]:
        return {(status, attempt) for _address, status, attempt in self.deliveries(message)}

    def taken(self, *names: str) -> collections.Counter[str]:
        """Address -> how often these servers have accepted something for it."""
        return collections.Counter(entry["to"] for name in names for entry in self.servers[name].accepted)

    def assert_each_got_it_once_at_the_first_attempt(self, message: int, *servers: str) -> None:
        rows = self.deliveries(message)
        assert {(status, attempt) for _address, status, attempt in rows} == {("accepted", 1)}
        assert self.taken(*servers) == collections.Counter(address for address, _status, _attempt in rows)

    def events(self, account: str) -> list[str]:
        return [
            kind
            for (kind,) in self.stack.rows(
                "SELECT e.kind FROM channels_accountevent e JOIN channels_provideraccount a ON a.id = e.account_id"
                f" WHERE a.name = '{self.name(account)}' ORDER BY e.id"
            )
        ]

    def wait_for_event(
        self, account: str, kind: str, *, times: int = 1, seconds: float = 30, soon: bool = False
    ) -> None:
        """`soon`: without sitting out the rests; again and again, as a worker may just be about to write one."""
        for _ in clock(seconds, step=1.0 if soon else 0.1):
            if self.events(account).count(kind) >= times:
                return
            if soon:
                self.all_due()
        raise AssertionError(f"{account} has {self.events(account)}, not {times} {kind}")


def account_settings(port: int) -> dict[str, object]:
    return {**twilio_settings(port), "connect_timeout_ms": 1000, "total_timeout_ms": 3000}


@pytest.fixture
def office(school: Operation, tmp_path: Path) -> Iterator[Office]:
    ((ordinary,),) = school.stack.rows(
        "SELECT a.id FROM channels_provideraccount a JOIN channels_channel c ON c.id = a.channel_id"
        " WHERE c.key = 'sms' AND a.enabled"
    )
    one = Office(school, tmp_path)
    yield one
    school.console.run(PUT_BACK.format(ordinary=ordinary))
    for server in one.servers.values():
        server.__exit__(None, None, None)
    time.sleep(SEEN_FOR)


def test_fault_15_a_storm_of_429_slows_the_lane_burns_no_attempt_and_stops_nobody_else(
    office: Office, rounds: Rounds
) -> None:
    people = rounds(120, 300)
    storm = office.serve("storm")
    storm.retry_after = rounds(1, 2)
    storm.script(lambda _number, _recipient: Fault.THROTTLE)
    office.open(people, accounts={"storm": storm.port})
    message = office.publish("email", "sms")
    for _ in clock(60):
        if len(office.school.entries(message, "email")) == people and storm.requests:
            break
    assert len(office.school.entries(message, "email")) == people, "e-mail flows"
    asked = storm.requests
    for _ in clock(4 * storm.retry_after):
        pass
    # Eight threads may each have had a window under way; after that one delivery asks, every time the rest is over.
    assert asked <= 8 * 2 + 4
    assert storm.requests - asked <= 6
    assert storm.requests > asked, "it is tried again"
    assert {status for status, _attempt in office.states(message)} <= OPEN
    storm.script(lambda _number, _recipient: None)
    office.finish(message)
    office.assert_each_got_it_once_at_the_first_attempt(message, "storm")
    told = f"SELECT outages, paused_reason FROM channels_provideraccount WHERE name = '{office.name('storm')}'"
    assert office.stack.rows(told) == [(0, "")]


def test_fault_16_while_an_account_cannot_be_reached_another_takes_over_until_it_is_back(office: Office) -> None:
    people, port = 120, free_port()
    office.serve("other")
    office.open(people, accounts={"gone": port, "other": office.servers["other"].port})
    message = office.publish("sms")
    office.finish(message)
    office.assert_each_got_it_once_at_the_first_attempt(message, "other")
    assert "rested" in office.events("gone")
    office.serve("gone", port=port)
    for _ in clock(90, step=1.0):
        # It takes a delivery to try a half-open account.
        office.finish(office.publish("sms"))
        if "recovered" in office.events("gone"):
            break
    assert office.events("gone")[-1] == "recovered"
    before = len(office.servers["gone"].accepted)
    office.finish(office.publish("sms"))
    share = len(office.servers["gone"].accepted) - before
    assert 0 < share < people, "both are used again"


@pytest.mark.parametrize("cause", ["refused", "no such name"])
def test_fault_16_without_another_account_rows_wait_until_the_provider_is_back(
    office: Office, rounds: Rounds, cause: str
) -> None:
    people, port = 40, free_port()
    office.open(people, accounts={"gone": port})
    if cause == "no such name":
        office.configure("gone", {**account_settings(port), "base_url": "http://no-such-host.invalid"})
        time.sleep(SEEN_FOR)
    message = office.publish("sms")
    office.wait_for_event("gone", "rested")
    office.wait_for_event("gone", "rested", times=rounds(3, 6), soon=True)
    assert {status for status, _attempt in office.states(message)} <= OPEN
    office.serve("gone", port=port)
    if cause == "no such name":
        office.configure("gone", account_settings(port))
    office.finish_soon(message)
    office.assert_each_got_it_once_at_the_first_attempt(message, "gone")
    assert office.events("gone")[-1] == "recovered"


@pytest.mark.parametrize("comes_back", ["by a click", "by itself"])
def test_fault_34_a_revoked_account_is_paused_and_nothing_fails(office: Office, comes_back: str) -> None:
    people = 60
    server = office.serve("revoked")
    server.auth_token = "rotated"
    office.open(people, accounts={"revoked": server.port})
    message = office.publish("sms")
    office.wait_for_event("revoked", "paused")
    for _ in clock(3):
        pass
    assert {status for status, _attempt in office.states(message)} <= {"waiting", "queued"}
    assert {attempt for _status, attempt in office.states(message)} == {0}
    ((reason, recovers),) = office.stack.rows(
        f"SELECT paused_reason, recovers FROM channels_provideraccount WHERE name = '{office.name('revoked')}'"
    )
    assert "20003" in reason
    assert recovers
    server.auth_token = AUTH_TOKEN
    if comes_back == "by a click":
        office.resume("revoked")
    office.finish_soon(message)
    office.assert_each_got_it_once_at_the_first_attempt(message, "revoked")
    expected = ["paused", "resumed"] if comes_back == "by a click" else ["paused", "resumed", "recovered"]
    assert office.events("revoked") == expected
