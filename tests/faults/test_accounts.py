"""Accounts that are told to slow down, cannot be reached or are refused: nothing is lost and no attempt is burnt."""

import collections
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.base import Fault
from tests.servers.smtp_server import SmtpServer
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN, TwilioServer
from tests.services.process import free_port
from tests.services.stack import Stack, clock

pytestmark = pytest.mark.timeout(240)
BULK = ["email.bulk", "sms.bulk", "push.bulk"]
HOUSE = ["fanout", "periodic", "receipts"]
SET_UP = """
    from apps.channels import services
    from workers.tests import school
    for channel, name, provider, settings in {accounts!r}:
        on = Channel.objects.get(key=channel)
        ProviderAccount.objects.filter(channel=on, provider="sandbox").delete()
        account = ProviderAccount.objects.create(channel=on, name=name, provider=provider)
        services.configure(account, settings, by=None)
    school.enrol({people})
    school.root()
"""
PUBLISH = """
    from workers.tests import school
    print(school.publish(channels={channels!r}).pk)
"""
RESUME = """
    from apps.channels import services
    from workers.tests import school
    services.resume(ProviderAccount.objects.get(name={name!r}), by=school.root())
"""
ASK_NOW = """
    from django.utils import timezone
    ProviderAccount.objects.filter(recovers=True).update(rests_until=timezone.now())
"""


@dataclass
class Office:
    """A stack with an account for each server, named after it."""

    stack: Stack
    folder: Path
    servers: dict[str, TwilioServer | SmtpServer] = field(default_factory=dict)

    def serve(self, name: str, kind: type[TwilioServer | SmtpServer] = TwilioServer, *, port: int = 0) -> None:
        self.servers[name] = kind(ledger=self.folder / f"{name}.jsonl", port=port).__enter__()

    def open(self, people: int, *, accounts: dict[str, int]) -> None:
        """`accounts`: SMS account -> port of its server; e-mail goes to the server `mail`, where there is one."""
        rows = [("sms", name, "twilio", twilio_settings(port)) for name, port in accounts.items()]
        if "mail" in self.servers:
            rows.append(("email", "mail", "smtp", smtp_settings(self.servers["mail"].port)))
        self.stack.shell(SET_UP.format(accounts=rows, people=people))
        self.stack.worker(queues=HOUSE, concurrency=3)
        for _ in range(2):
            self.stack.worker(queues=BULK, concurrency=4)
        self.stack.beat()

    def publish(self, *channels: str) -> int:
        return self.stack.shell(PUBLISH.format(channels=channels))

    def finish(self, message: int) -> None:
        self.stack.wait_for(f"SELECT status FROM messaging_message WHERE id = {message}", [("finished",)], seconds=90)

    def deliveries(self, message: int, channel: str = "sms") -> list[tuple[str, str, int]]:
        """(address, status, attempt)."""
        return self.stack.rows(
            "SELECT d.address, d.status, d.attempt FROM delivery_delivery d"
            " JOIN messaging_messagechannel mc ON mc.id = d.message_channel_id"
            f" JOIN channels_channel c ON c.id = mc.channel_id WHERE mc.message_id = {message} AND c.key = '{channel}'"
        )

    def states(self, message: int) -> set[tuple[str, int]]:
        return {(status, attempt) for _address, status, attempt in self.deliveries(message)}

    def taken(self, *names: str) -> collections.Counter[str]:
        """Address -> how often these servers have accepted something for it."""
        return collections.Counter(entry["to"] for name in names for entry in self.servers[name].accepted)

    def assert_each_got_it_once_at_the_first_attempt(self, message: int, *servers: str) -> None:
        rows = self.deliveries(message)
        assert {(status, attempt) for _address, status, attempt in rows} == {("accepted", 1)}
        assert self.taken(*servers) == collections.Counter(address for address, _status, _attempt in rows)

    def events(self, name: str) -> list[str]:
        return [
            kind
            for (kind,) in self.stack.rows(
                "SELECT e.kind FROM channels_accountevent e JOIN channels_provideraccount a ON a.id = e.account_id"
                f" WHERE a.name = '{name}' ORDER BY e.id"
            )
        ]

    def wait_for_event(self, name: str, kind: str, *, seconds: float = 30) -> None:
        for _ in clock(seconds):
            if kind in self.events(name):
                return
        raise AssertionError(f"{name} has {self.events(name)}, not {kind}")


def twilio_settings(port: int) -> dict[str, object]:
    return {
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "from_number": "+12015550100",
        "base_url": f"http://127.0.0.1:{port}",
        "connect_timeout_ms": 1000,
        "total_timeout_ms": 3000,
    }


def smtp_settings(port: int) -> dict[str, object]:
    return {"host": "127.0.0.1", "port": port, "security": "none", "from_address": "office@school.example"}


@pytest.fixture
def office(live_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Office]:
    one = Office(live_stack(MSGCENTER_LEASE_SECONDS="10", MSGCENTER_RING_AGAIN_SECONDS="2"), tmp_path)
    yield one
    for server in one.servers.values():
        server.__exit__(None, None, None)


def test_fault_15_a_storm_of_429_slows_the_lane_burns_no_attempt_and_stops_nobody_else(office: Office) -> None:
    people = 300
    office.serve("storm")
    office.serve("mail", SmtpServer)
    storm, mail = office.servers["storm"], office.servers["mail"]
    storm.retry_after = 2
    storm.script(lambda _number, _recipient: Fault.THROTTLE)
    office.open(people, accounts={"storm": storm.port})
    message = office.publish("email", "sms")
    for _ in clock(60):
        if len(mail.accepted) == people and storm.requests:
            break
    assert len(mail.accepted) == people, "e-mail flows"
    asked = storm.requests
    for _ in clock(8):
        pass
    # Eight threads may each have had a window under way; after that one delivery asks, every 2 s.
    assert asked <= 8 * 2 + 4
    assert storm.requests - asked <= 6
    assert storm.requests > asked, "it is tried again"
    assert {status for status, _attempt in office.states(message)} <= {"waiting", "queued", "claimed", "sending"}
    storm.script(lambda _number, _recipient: None)
    office.finish(message)
    office.assert_each_got_it_once_at_the_first_attempt(message, "storm")
    assert office.stack.rows("SELECT outages, paused_reason FROM channels_provideraccount WHERE name = 'storm'") == [
        (0, "")
    ]


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
def test_fault_16_without_another_account_rows_wait_until_the_provider_is_back(office: Office, cause: str) -> None:
    people, port = 40, free_port()
    office.open(people, accounts={"gone": port})
    if cause == "no such name":
        settings = {**twilio_settings(port), "base_url": "http://no-such-host.invalid"}
        office.stack.shell(CONFIGURE.format(name="gone", settings=settings))
    message = office.publish("sms")
    office.wait_for_event("gone", "rested")
    for _ in clock(6):
        pass
    assert {status for status, _attempt in office.states(message)} <= {"waiting", "queued", "claimed", "sending"}
    office.serve("gone", port=port)
    if cause == "no such name":
        office.stack.shell(CONFIGURE.format(name="gone", settings=twilio_settings(port)))
    office.finish(message)
    office.assert_each_got_it_once_at_the_first_attempt(message, "gone")
    assert office.events("gone")[-1] == "recovered"


CONFIGURE = """
    from apps.channels import services
    services.configure(ProviderAccount.objects.get(name={name!r}), {settings!r}, by=None)
"""


@pytest.mark.parametrize("comes_back", ["by a click", "by itself"])
def test_fault_34_a_revoked_account_is_paused_and_nothing_fails(office: Office, comes_back: str) -> None:
    people = 60
    office.serve("revoked")
    server = office.servers["revoked"]
    server.auth_token = "rotated"
    office.open(people, accounts={"revoked": server.port})
    message = office.publish("sms")
    office.wait_for_event("revoked", "paused")
    for _ in clock(5):
        pass
    assert {status for status, _attempt in office.states(message)} <= {"waiting", "queued"}
    assert {attempt for _status, attempt in office.states(message)} == {0}
    ((reason, recovers),) = office.stack.rows(
        "SELECT paused_reason, recovers FROM channels_provideraccount WHERE name = 'revoked'"
    )
    assert "20003" in reason
    assert recovers
    server.auth_token = AUTH_TOKEN
    office.stack.shell(RESUME.format(name="revoked") if comes_back == "by a click" else ASK_NOW)
    office.finish(message)
    office.assert_each_got_it_once_at_the_first_attempt(message, "revoked")
    expected = ["paused", "resumed"] if comes_back == "by a click" else ["paused", "resumed", "recovered"]
    assert office.events("revoked") == expected
