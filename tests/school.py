"""A school of its own on a real stack, with a mail server and an SMS provider that keep their own ledgers."""

import collections
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from tests import oracle
from tests.oracle import Row
from tests.servers.ledger import Entry
from tests.servers.smtp_server import SmtpServer
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN, TwilioServer
from tests.services.stack import Console, Stack, clock

CONTENT = "您好 ((name)), number ((number))"
CHANNELS = ("inbox", "email", "sms")
CONFIGURE = """
    from apps.channels import services
    from apps.channels.models import ProviderAccount
    account = ProviderAccount.objects.get(channel__key={channel!r}, enabled=True)
    account.provider = {provider!r}
    account.save()
    services.configure(account, {settings!r}, by=None)
"""
ENROL = """
    from apps.directory.models import OrgUnit
    from workers.tests import school
    unit = OrgUnit.objects.create(name={name!r}, kind=OrgUnit.Kind.CLASS)
    school.enrol({people}, unit=unit)
    school.root()
    print(unit.pk)
"""
WRITE = """
    from datetime import timedelta
    from django.utils import timezone
    from apps.directory.models import OrgUnit
    from apps.messaging import services as messaging
    from workers.tests import school
    now = timezone.now()
    times = {{name: now + timedelta(seconds=seconds) for name, seconds in {times!r}.items()}}
    unit = OrgUnit.objects.get(pk={unit})
    message = school.write(channels={channels!r}, content={content!r}, unit=unit, urgency={urgency!r}, **times)
"""
PUBLISH = """
    messaging.publish(message, by=school.root())
    print(message.pk)
"""


@dataclass
class Servers:
    """The providers of a school, running."""

    smtp: SmtpServer
    twilio: TwilioServer

    @classmethod
    def start(cls, folder: Path, *, latency: float = 0.0) -> Self:
        folder.mkdir(parents=True)
        smtp = SmtpServer(ledger=folder / "smtp.jsonl", latency=latency)
        return cls(smtp.__enter__(), TwilioServer(ledger=folder / "twilio.jsonl", latency=latency).__enter__())

    def stop(self) -> None:
        for server in (self.smtp, self.twilio):
            server.__exit__(None, None, None)

    def accepted(self) -> dict[str, list[Entry]]:
        """Channel -> everything its provider has taken."""
        return {"email": self.smtp.accepted, "sms": self.twilio.accepted}


@dataclass
class School:
    """A stack whose e-mail goes to `smtp` and whose SMS go to `twilio`.

    `enrol` makes a class of people whom nobody else writes to; what is published next goes to them.
    """

    stack: Stack
    servers: Servers
    unit: int = 0
    classes: int = field(default=0, repr=False)

    @property
    def smtp(self) -> SmtpServer:
        return self.servers.smtp

    @property
    def twilio(self) -> TwilioServer:
        return self.servers.twilio

    @cached_property
    def console(self) -> Console:
        return self.stack.console()

    # --- acts ---------------------------------------------------------------------------------------------------------
    def connect(self, *, smtp_port: int = 0, twilio_port: int = 0, **settings: object) -> None:
        """Send through the servers, or through what listens on these ports. `settings` are for both providers."""
        self.configure("email", "smtp", {**smtp_settings(smtp_port or self.smtp.port), **settings})
        self.configure("sms", "twilio", {**twilio_settings(twilio_port or self.twilio.port), **settings})

    def configure(self, channel: str, provider: str, settings: Mapping[str, object]) -> None:
        self.console.run(CONFIGURE.format(channel=channel, provider=provider, settings=dict(settings)))

    def enrol(self, people: int) -> None:
        self.classes += 1
        name = f"class {self.classes}"
        self.unit = self.console.run(ENROL.format(people=people, name=name), seconds=600)

    def publish(
        self,
        *,
        channels: Sequence[str] = CHANNELS,
        urgency: str = "general",
        content: str = CONTENT,
        before: str = "",
        **times: float,
    ) -> int:
        """Publish to the class enrolled last; times in seconds from now. Returns the message's id.

        `before` is code to run between writing and publishing `message`.
        """
        write = WRITE.format(times=times, unit=self.unit, channels=tuple(channels), content=content, urgency=urgency)
        return self.console.run("\n".join(map(textwrap.dedent, (write, before, PUBLISH))))

    # --- asking -------------------------------------------------------------------------------------------------------
    def accepts(self) -> int:
        return len(self.smtp.accepted) + len(self.twilio.accepted)

    def wait_for_accepts(self, count: int, *, seconds: float = 60) -> None:
        for _ in clock(seconds, step=0.01):
            if self.accepts() >= count:
                return
        raise AssertionError(f"{self.accepts()} of {count} accepts")

    def wait_until_finished(self, message: int, *, status: str = "finished", seconds: float = 40) -> None:
        self.stack.wait_for(f"SELECT status FROM messaging_message WHERE id = {message}", [(status,)], seconds=seconds)

    def deliveries(self, message: int, channel: str) -> list[Row]:
        return oracle.deliveries(self.stack, message, channel)

    def states(self, message: int, channel: str) -> collections.Counter[str]:
        return collections.Counter(row.status for row in self.deliveries(message, channel))

    def failures(self, message: int, channel: str) -> collections.Counter[str]:
        """How many deliveries failed, by reason."""
        rows = self.deliveries(message, channel)
        return collections.Counter(row.reason for row in rows if row.status == "failed")

    def assert_ledger_equals_servers(
        self, message: int, *, people: int, channels: Sequence[str] = ("email", "sms")
    ) -> None:
        accepted: dict[str, Any] = self.servers.accepted()
        oracle.assert_ledger(
            self.stack, message, accepted={channel: accepted[channel] for channel in channels}, people=people
        )


def smtp_settings(port: int) -> dict[str, object]:
    return {"host": "127.0.0.1", "port": port, "security": "none", "from_address": "office@school.example"}


def twilio_settings(port: int) -> dict[str, object]:
    return {
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "from_number": "+12015550100",
        "base_url": f"http://127.0.0.1:{port}",
    }
