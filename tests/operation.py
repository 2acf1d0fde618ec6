"""A school with everything running, bad lines to its providers, and hands to break it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
import requests

from tests.school import School, Servers
from tests.servers.base import Script
from tests.servers.ledger import Entry
from tests.servers.proxy import Proxy
from tests.services import process
from tests.services.stack import Stack, Web, clock

BULK = ("email.bulk", "sms.bulk", "push.bulk")
#: Nobody stands at these lanes: a test puts its own worker there, to be killed without harm to the others.
URGENT = ("email.urgent", "sms.urgent", "push.urgent")
HOUSE = ("fanout", "periodic", "receipts")
#: Seconds. Those of a worker that is going to be killed are short, so that its rows are soon free.
LEASE = 12
SHORT_LEASE = 3
PASSWORD = "correct horse battery"
SET_PASSWORD = f"""
    from workers.tests import school
    user = school.root()
    user.set_password({PASSWORD!r})
    user.save()
"""
OPEN = ("waiting", "queued", "claimed", "sending", "unknown")
RECALL = """
    from apps.messaging import services as messaging
    from workers.tests import school
    messaging.recall(Message.objects.get(pk={message}), by=school.root())
"""
CHANNEL = "print(json.dumps(Channel.objects.values('chains', 'window').get(key={key!r})))"
TUNE = "Channel.objects.filter(key={key!r}).update(**{values!r})"
#: Time that a provider has: less than half a lease.
TIME_OUTS = {"connect_timeout_ms": 2000, "total_timeout_ms": 5000}


@dataclass
class Operation(School):
    """`house`, `bulk`, `beat` and `web` are its processes; `smtp_line` and `twilio_line` lead to the providers."""

    visitors: list[process.Process] = field(default_factory=list)
    hurried: bool = False

    # --- running ------------------------------------------------------------------------------------------------------
    def open(self) -> None:
        self.smtp_line = Proxy(("127.0.0.1", self.smtp.port)).__enter__()
        self.twilio_line = Proxy(("127.0.0.1", self.twilio.port)).__enter__()
        self.time_outs()
        self.console.run(SET_PASSWORD)
        self.house = self.bulk = self.beat = None
        self.web: Web = self.stack.web(threads=8)
        self.recover()
        self.token = self.log_in()

    def close(self) -> None:
        self.smtp_line.__exit__()
        self.twilio_line.__exit__()

    def recover(self) -> None:
        """Everything runs, nothing is spoiled, and visitors have gone."""
        for visitor in self.visitors:
            visitor.kill9()
        self.visitors.clear()
        if not self.stack.redis.process:
            self.stack.redis.start()
        self.twilio.listed, self.twilio.before_answer, self.twilio.reports = True, None, no_reports
        self.twilio.reporter.proxy = self.web.url
        for server, line in ((self.smtp, self.smtp_line), (self.twilio, self.twilio_line)):
            server.script(accept)
            server.latency = 0.0
            line.heal()
        if self.hurried:
            self.time_outs()
        self.start_missing()

    def start_missing(self) -> None:
        if not is_running(self.house):
            self.house = self.stack.worker(queues=HOUSE, concurrency=3)
        if not is_running(self.bulk):
            self.bulk = self.stack.worker(queues=BULK, concurrency=4)
        if not is_running(self.beat):
            self.beat = self.stack.beat()

    def time_outs(self, **settings: int) -> None:
        """How long the providers are waited for, in milliseconds; those not named as usual."""
        self.hurried = bool(settings)
        self.connect(smtp_port=self.smtp_line.port, twilio_port=self.twilio_line.port, **{**TIME_OUTS, **settings})

    def visitor(
        self,
        *,
        queues: Sequence[str] = URGENT,
        concurrency: int = 2,
        lease: int = SHORT_LEASE,
        env: Mapping[str, str] | None = None,
    ) -> process.Process:
        """A worker that is gone at the next test."""
        lease_of_its_own = {"MSGCENTER_LEASE_SECONDS": str(lease)}
        child = self.stack.worker(queues=queues, concurrency=concurrency, env={**lease_of_its_own, **(env or {})})
        self.visitors.append(child)
        return child

    @contextlib.contextmanager
    def large_batches(self, channel: str, *, window: int) -> Iterator[None]:
        """One batch for all of a small message, and so many of it at a time with the provider: the rest is claimed."""
        before = self.console.run(CHANNEL.format(key=channel))
        self.console.run(TUNE.format(key=channel, values={"chains": 1, "window": window}))
        try:
            yield
        finally:
            self.console.run(TUNE.format(key=channel, values=before))

    def recall(self, message: int) -> None:
        self.console.run(RECALL.format(message=message))

    # --- the API ------------------------------------------------------------------------------------------------------
    def log_in(self) -> str:
        answer = requests.post(
            f"{self.web.url}/api/v1/login", json={"username": "root", "password": PASSWORD}, timeout=30
        )
        return answer.json()["token"]

    def post(self, path: str, body: object = None, *, key: str = "") -> requests.Response:
        headers = {"Authorization": f"Token {self.token}"} | ({"Idempotency-Key": key} if key else {})
        return requests.post(f"{self.web.url}/api/v1/{path}", json=body, headers=headers, timeout=60)

    def draft(self, **fields: object) -> dict[str, object]:
        """The body of a message to the class enrolled last."""
        return {
            "title": "Notice",
            "content": "Hello ((name))",
            "type": "notice",
            "unit": self.unit,
            "channels": ["email", "sms"],
            "audience": {"include": [{"unit": self.unit}]},
            **fields,
        }

    # --- waiting ------------------------------------------------------------------------------------------------------
    def entries(self, message: int, *channels: str) -> list[Entry]:
        """What the providers have accepted for the people of a message, over these channels or over both."""
        accepted = self.servers.accepted()
        found: list[Entry] = []
        for channel in channels or accepted:
            addresses = {row.address for row in self.deliveries(message, channel)}
            found += [entry for entry in accepted[channel] if entry["to"] in addresses]
        return found

    def taken(self, message: int) -> int:
        return len(self.entries(message))

    def wait_for_entries(self, message: int, channel: str, *, count: int, seconds: float = 30) -> None:
        for _ in clock(seconds, step=0.02):
            if len(self.entries(message, channel)) >= count:
                return
        raise AssertionError(f"not {count} accepted over {channel} within {seconds} s")

    def count(self, message: int, *states: str) -> int:
        named = ", ".join(f"'{state}'" for state in states)
        sql = (
            "SELECT COUNT(*) FROM delivery_delivery d JOIN messaging_messagechannel mc ON mc.id = d.message_channel_id"
            f" WHERE mc.message_id = {message} AND d.status IN ({named})"
        )
        return self.stack.rows(sql)[0][0]

    def wait_for_state(self, message: int, status: str, *, count: int = 1, seconds: float = 30) -> None:
        for _ in clock(seconds, step=0.02):
            if self.count(message, status) >= count:
                return
        raise AssertionError(f"not {count} {status} within {seconds} s")

    def wait_until_settled(self, message: int, *, seconds: float = 60) -> None:
        """Of a message that does not finish because it was recalled or expired."""
        for _ in clock(seconds):
            # Asked at once: what goes from one open state into another between two questions would be missed.
            if not self.count(message, *OPEN):
                return
        raise AssertionError(f"{[self.count(message, status) for status in OPEN]} open after {seconds} s")


def accept(_number: int, _recipient: str) -> None:
    return None


def no_reports(_entry: Entry) -> tuple[()]:
    return ()


def once(fault: object, *, to: str = "") -> Script:
    """The first message (to this recipient) meets the fault."""
    left = [fault]

    def script(_number: int, recipient: str) -> object:
        return left.pop() if left and recipient.endswith(to) else None

    return script


def is_running(child: process.Process | None) -> bool:
    return child is not None and child.running


@contextlib.contextmanager
def running(stack: Stack, folders: pytest.TempPathFactory) -> Iterator[tuple[Stack, Servers]]:
    """A stack and providers, for longer than a test."""
    servers = Servers.start(folders.mktemp("providers") / "ledgers")
    with stack:
        try:
            yield stack.start(), servers
        finally:
            # They have nothing left to lose.
            for one in stack.processes:
                if not isinstance(one, Web):
                    one.kill9()
            servers.stop()
