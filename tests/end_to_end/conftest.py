"""A school of its own on a real stack, with a mail server and an SMS provider that keep their own ledgers."""

import collections
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.smtp_server import SmtpServer
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN, TwilioServer
from tests.services.stack import Stack

PEOPLE = 2000
CONTENT = "您好 ((name)), number ((number))"
CONNECT = """
    from apps.channels import services
    from apps.channels.models import ProviderAccount
    from workers.tests import school
    for channel, provider, settings in ({smtp!r}, {twilio!r}):
        account = ProviderAccount.objects.get(channel__key=channel)
        account.provider = provider
        account.save()
        services.configure(account, settings, by=None)
    school.enrol({people})
    school.root()
"""
PUBLISH = """
    from datetime import timedelta
    from django.utils import timezone
    from workers.tests import school
    now = timezone.now()
    times = {{name: now + timedelta(seconds=seconds) for name, seconds in {times!r}.items()}}
    message = school.publish(channels=["inbox", "email", "sms"], content={content!r}, **times)
    print(message.pk)
"""


@dataclass
class School:
    """A stack whose e-mail goes to `smtp` and whose SMS go to `twilio`."""

    stack: Stack
    smtp: SmtpServer
    twilio: TwilioServer

    def publish(self, **times: float) -> int:
        """Publish to everybody over inbox, e-mail and SMS; times in seconds from now. Returns the message's id."""
        return self.stack.shell(PUBLISH.format(content=CONTENT, times=times))

    def accepts(self) -> int:
        return len(self.smtp.accepted) + len(self.twilio.accepted)

    def wait_until_finished(self, message: int, *, seconds: float = 90) -> None:
        self.stack.wait_for(
            f"SELECT status FROM messaging_message WHERE id = {message}", [("finished",)], seconds=seconds
        )

    def assert_ledger_equals_servers(self, message: int, *, people: int) -> None:
        """Design §8: what the providers took and what the ledger says they took are the same, as sets."""
        for channel, server in (("email", self.smtp), ("sms", self.twilio)):
            rows = self.deliveries(message, channel)
            assert len(rows) == people, "one delivery per person and channel"
            assert {row[1] for row in rows} <= {"accepted", "failed", "suppressed"}, "every delivery is final"
            taken = collections.Counter(entry["to"] for entry in server.accepted)
            assert set(taken) == {address for address, status, _again in rows if status == "accepted"}
            flagged = {address for address, _status, again in rows if again}
            assert {address for address, times in taken.items() if times > 1} <= flagged, "twice only where it says so"
        (recipients,) = self.stack.rows(f"SELECT COUNT(*) FROM delivery_recipient WHERE message_id = {message}")
        assert recipients == (people,)
        self.assert_counters(message)

    def deliveries(self, message: int, channel: str) -> list[tuple[str, str, int]]:
        """(address, status, maybe_duplicate) of every delivery."""
        return self.stack.rows(
            "SELECT d.address, d.status, d.maybe_duplicate FROM delivery_delivery d"
            " JOIN messaging_messagechannel mc ON mc.id = d.message_channel_id"
            f" JOIN channels_channel c ON c.id = mc.channel_id WHERE mc.message_id = {message} AND c.key = '{channel}'"
        )

    def failures(self, message: int, channel: str) -> collections.Counter[str]:
        """How many deliveries failed, by reason."""
        rows = self.stack.rows(
            "SELECT d.reason, COUNT(*) FROM delivery_delivery d"
            " JOIN messaging_messagechannel mc ON mc.id = d.message_channel_id"
            f" JOIN channels_channel c ON c.id = mc.channel_id WHERE mc.message_id = {message} AND c.key = '{channel}'"
            " AND d.status = 'failed' GROUP BY d.reason"
        )
        return collections.Counter(dict(rows))

    def assert_counters(self, message: int) -> None:
        """I8: every counter is what GROUP BY says."""
        statuses = ("accepted", "delivered", "failed", "cancelled", "expired", "suppressed")
        sums = ", ".join(f"COALESCE(SUM(d.status = '{status}'), 0)" for status in statuses)
        counters = ", ".join(f"mc.{status}" for status in statuses)
        for total, *both in self.stack.rows(
            f"SELECT mc.total - COUNT(d.id), {counters}, {sums} FROM messaging_messagechannel mc"
            " JOIN delivery_delivery d ON d.message_channel_id = mc.id"
            f" WHERE mc.message_id = {message} GROUP BY mc.id, mc.total, {counters}"
        ):
            assert total == 0
            numbers = [int(number) for number in both]
            assert numbers[: len(statuses)] == numbers[len(statuses) :]


@pytest.fixture
def open_school(live_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Callable[..., School]]:
    """`open_school(people, **environment)`; leases and doorbells are short, so that a crash costs seconds."""
    servers: list[SmtpServer | TwilioServer] = []

    def start(people: int = PEOPLE, *, latency: float = 0.0, **environment: str) -> School:
        quick = {"MSGCENTER_LEASE_SECONDS": "4", "MSGCENTER_RING_AGAIN_SECONDS": "3"}
        stack = live_stack(**{**quick, **environment})
        smtp = SmtpServer(ledger=tmp_path / "smtp.jsonl", latency=latency)
        twilio = TwilioServer(ledger=tmp_path / "twilio.jsonl", latency=latency)
        for server in (smtp, twilio):
            servers.append(server.__enter__())
        stack.shell(
            CONNECT.format(
                people=people,
                smtp=("email", "smtp", smtp_settings(smtp)),
                twilio=("sms", "twilio", twilio_settings(twilio)),
            )
        )
        return School(stack, smtp, twilio)

    yield start
    for server in servers:
        server.__exit__(None, None, None)


def smtp_settings(server: SmtpServer) -> dict[str, object]:
    return {"host": server.host, "port": server.port, "security": "none", "from_address": "office@school.example"}


def twilio_settings(server: TwilioServer) -> dict[str, object]:
    return {
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "from_number": "+12015550100",
        "base_url": f"http://{server.host}:{server.port}",
    }
