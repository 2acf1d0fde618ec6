"""The sandbox: a provider for every channel that sends nothing and keeps what would have gone out.

`mode` says what becomes of everything: accept, refuse, defer, throttle or unknown (and then nothing is kept). In the
mode `accept` some recipients are simulated, so that the whole path can be seen at work:

| e-mail, local part         | number ending in | device token     | what becomes of it                            |
| -------------------------- | ---------------- | ---------------- | --------------------------------------------- |
| `dead`, `dead.…`, `dead+…` | 0199             | starting `dead-` | refused: no such address, number or device    |
| `busy`, `busy.…`, `busy+…` | 0198             |                  | deferred at the first attempt, then accepted  |
| `lost`, `lost.…`, `lost+…` | 0197             |                  | kept, but unknown; `find` finds it afterwards |

Numbers are meant to be those reserved for fiction, +1 NXX 555 0100 to 0199.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.utils.translation import gettext_lazy as _

from apps.channels.providers.base import (
    NOBODY,
    OUT_OF_TIME,
    Accepted,
    Deferred,
    Outgoing,
    Provider,
    Refused,
    Result,
    Setting,
    Throttled,
    Unknown,
    Witness,
)

logger = logging.getLogger(__name__)

MODES: dict[str, Result] = {
    "refuse": Refused("rejected"),
    "defer": Deferred("try_later"),
    "throttle": Throttled(retry_after=1.0),
    "unknown": Unknown("timeout"),
}
ENDINGS = {"0199": "dead", "0198": "busy", "0197": "lost"}


@dataclass(frozen=True, slots=True)
class SandboxRecord:
    """What would have gone out: `account` is the id of the provider account, push has all tokens in one record."""

    account: int | None
    delivery_id: int
    attempt: int
    key: str
    addresses: tuple[str, ...] = field(repr=False)
    title: str = field(repr=False)
    body: str = field(repr=False)


class Outbox(Protocol):
    """Where the records go. `store` keeps all or none of them."""

    def store(self, records: Sequence[SandboxRecord]) -> None: ...

    def stored(self, key: str) -> bool: ...


class MemoryOutbox:
    """An outbox that lasts as long as the process."""

    def __init__(self) -> None:
        self.records: list[SandboxRecord] = []

    def store(self, records: Sequence[SandboxRecord]) -> None:
        self.records.extend(records)

    def stored(self, key: str) -> bool:
        return any(record.key == key for record in self.records)


# Set by the Django app when it is ready.
outbox: Outbox = MemoryOutbox()


class SandboxProvider(Provider):
    key = "sandbox"
    label = _("Sandbox (nothing leaves the house)")
    channels = frozenset({"email", "sms", "push"})
    can_find = True
    schema = (
        Setting(
            "mode",
            _("What becomes of everything"),
            kind="choice",
            default="accept",
            choices=(
                ("accept", _("accepted")),
                ("refuse", _("refused")),
                ("defer", _("deferred")),
                ("throttle", _("throttled")),
                ("unknown", _("outcome unknown")),
            ),
        ),
        Setting("latency_ms", _("Time for one batch (ms)"), kind="integer", default=0),
    )

    def send(
        self,
        batch: Sequence[Outgoing],
        *,
        deadline: float = math.inf,
        go_on: Callable[[], bool] = lambda: True,
        witness: Witness = NOBODY,
    ) -> list[Result]:
        if time.monotonic() >= deadline:
            return [OUT_OF_TIME] * len(batch)
        time.sleep(self.settings["latency_ms"] / 1000)
        for outgoing in batch:
            witness.begins(outgoing.delivery_id)
        results = self._keep(batch)
        for outgoing, result in zip(batch, results, strict=True):
            witness.ended(outgoing.delivery_id, result)
        return results

    def _keep(self, batch: Sequence[Outgoing]) -> list[Result]:
        try:
            planned = [(outgoing, *self._plan(outgoing)) for outgoing in batch]
            outbox.store([self._record(outgoing, live) for outgoing, _result, live in planned if live])
        except Exception as error:
            logger.error("sandbox: %s deliveries not kept: %s", len(batch), type(error).__name__)
            return [Deferred("provider_error") for _outgoing in batch]
        return [result for _outgoing, result, _live in planned]

    def find(self, outgoing: Outgoing, *, since: datetime) -> Accepted | Refused | None:
        return Accepted(reference=_reference(outgoing)) if outbox.stored(outgoing.key) else None

    def health(self) -> None:
        """Always well."""

    def _plan(self, outgoing: Outgoing) -> tuple[Result, tuple[str, ...]]:
        """(result, the addresses it is kept for; none of them: it is not kept)."""
        if outgoing.expired:
            return Refused("expired"), ()
        if self.settings["mode"] != "accept":
            return MODES[self.settings["mode"]], ()
        dead = _of("dead", outgoing.addresses)
        live = tuple(address for address in outgoing.addresses if address not in dead)
        if not live:
            return _nobody(outgoing.addresses), ()
        if _of("busy", live) and outgoing.attempt == 1:
            return Deferred("try_later"), ()
        if _of("lost", live) and not outbox.stored(outgoing.key):
            return Unknown("connection_lost"), live
        return Accepted(_reference(outgoing), dead), live

    def _record(self, outgoing: Outgoing, live: tuple[str, ...]) -> SandboxRecord:
        return SandboxRecord(
            account=self.account_id,
            delivery_id=outgoing.delivery_id,
            attempt=outgoing.attempt,
            key=outgoing.key,
            addresses=live,
            title=outgoing.title,
            body=outgoing.body,
        )


def _part(address: str) -> str:
    """The simulated part this address plays, if any."""
    if "@" in address:
        return address.partition("@")[0].partition("+")[0].partition(".")[0].lower()
    if address.startswith("+"):
        return ENDINGS.get(address[-4:], "")
    return "dead" if address.startswith("dead-") else ""


def _of(part: str, addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(address for address in addresses if _part(address) == part)


def _nobody(addresses: tuple[str, ...]) -> Refused:
    if any("@" in address for address in addresses):
        return Refused("no_such_address")
    if any(address.startswith("+") for address in addresses):
        return Refused("no_such_number")
    return Refused("no_live_device", dead=addresses)


def _reference(outgoing: Outgoing) -> str:
    return f"sandbox-{outgoing.key}"
