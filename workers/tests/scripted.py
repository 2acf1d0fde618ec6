"""A provider that does what it is told, and keeps a ledger of what it has taken: an in-memory twin for the machine."""

import collections
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from apps.channels.providers.base import (
    Accepted,
    Callback,
    Deferred,
    Outgoing,
    Provider,
    ReceiptEvent,
    Refused,
    Reported,
    Result,
    Throttled,
    Unknown,
)

SECRET = "shared with the provider"
ANSWERS: dict[str, Result] = {
    "refuse": Refused("rejected"),
    "dead": Refused("no_such_address"),
    "defer": Deferred("try_later"),
    "unmapped": Deferred("unmapped"),
    "throttle": Throttled(retry_after=1.0),
    "lose": Unknown("connection_lost"),
}
#: What a call may come to. `…_taken`: the provider has taken it, whatever it answers.
BEHAVIOURS = ("accept", *ANSWERS, "lose_taken", "crash", "crash_taken")


class Crash(BaseException):
    """The worker dies here."""


class ScriptedProvider(Provider):
    key = "scripted"
    label = "scripted"
    channels = frozenset({"email", "sms"})
    can_find = True
    receives = True

    #: Shared by all accounts, as a provider's books are.
    script: ClassVar[collections.deque[str]] = collections.deque()
    taken: ClassVar[list[tuple[int, int]]] = []
    listed: ClassVar[bool] = True
    witness: ClassVar[Callable[[Outgoing], None]] = staticmethod(lambda outgoing: None)

    def deliver(self, outgoing: Outgoing) -> Result:
        self.witness(outgoing)
        behaviour = self.script.popleft() if self.script else "accept"
        if behaviour == "accept" or behaviour.endswith("_taken"):
            self.taken.append((outgoing.delivery_id, outgoing.attempt))
        if behaviour.startswith("crash"):
            raise Crash
        if behaviour == "accept":
            return Accepted(reference(outgoing.delivery_id, outgoing.attempt))
        return ANSWERS[behaviour.removesuffix("_taken")]

    def find(self, outgoing: Outgoing, *, since: datetime) -> Accepted | None:
        if not self.listed:
            raise OSError("the list cannot be read now")
        sent = (outgoing.delivery_id, outgoing.attempt)
        return Accepted(reference(*sent)) if sent in self.taken else None

    def health(self) -> None:
        """Always well."""

    def authentic(self, callback: Callback) -> bool:
        return callback.headers.get("X-Signature") == signature(callback.body)

    def parse_receipts(self, callback: Callback) -> list[ReceiptEvent]:
        return [ReceiptEvent(Reported(callback.body.decode()))]


def reference(delivery_id: int, attempt: int) -> str:
    return f"{delivery_id}/{attempt}"


def signature(body: bytes) -> str:
    return hashlib.sha256(SECRET.encode() + body).hexdigest()
