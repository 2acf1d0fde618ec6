"""What a provider is: a settings schema, `deliver`, and optionally `find`, `health` and receipts.

A provider turns an `Outgoing` into one of our own five results and a `Callback` into `ReceiptEvent`s; a vendor's words
and codes stop in the vendor's file.
This package knows neither the ORM nor Celery: whatever it needs is handed to it.
"""

import enum
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from django.utils.translation import gettext

logger = logging.getLogger(__name__)

# Codes that speak of the provider or the account, not of one recipient.
TROUBLE = frozenset({"provider_unreachable", "provider_error", "account_refused", "timeout", "connection_lost"})
TROUBLES_IN_A_ROW = 2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One delivery on its way out.

    `key` is unique in the world and the same on every attempt (Message-ID, collapse key); `addresses` holds one
    e-mail address or one E.164 number, or every device token of the person for push. `callback_url` names the
    delivery and the attempt; it is empty where the site has no public address.
    """

    delivery_id: int
    attempt: int
    key: str
    addresses: tuple[str, ...] = field(repr=False)
    title: str = field(repr=False)
    body: str = field(repr=False)
    expires_at: datetime | None = None
    callback_url: str = field(default="", repr=False)

    def seconds_left(self) -> float | None:
        """Until the message expires; None if it never does."""
        return None if self.expires_at is None else (self.expires_at - datetime.now(UTC)).total_seconds()

    @property
    def expired(self) -> bool:
        left = self.seconds_left()
        return left is not None and left <= 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken it. `dead` names device tokens the provider reported as gone on the way."""

    reference: str = ""
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not taken, and asking again would not help. `code` is one of `reasons.REASONS`.

    `detail` of any result may quote the provider: it is for people who may see the row, never for logs.
    """

    code: str
    detail: str = ""
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deferred:
    """Certainly not taken, worth another try; not before `retry_after` seconds if the provider said so.

    `untried` ones were not even offered, because the provider was in trouble with others of the batch.
    """

    code: str
    detail: str = ""
    retry_after: float | None = None
    untried: bool = False


@dataclass(frozen=True, slots=True)
class Throttled:
    """Certainly not taken because we are too fast; costs the delivery no attempt. `untried` as in `Deferred`."""

    code: str = "throttled"
    detail: str = ""
    retry_after: float | None = None
    untried: bool = False


OUT_OF_TIME = Throttled("out_of_time", retry_after=0, untried=True)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Handed over, outcome not known: timeout, reset or crash after the provider may have taken it."""

    code: str
    detail: str = ""


Result = Accepted | Refused | Deferred | Throttled | Unknown


class Witness:
    """Told of every hand-over as it happens: before the call, and after it what it came to."""

    def begins(self, delivery_id: int) -> None:
        """From here on the provider may have it."""

    def ended(self, delivery_id: int, result: Result) -> None:
        """The provider has answered, or failed to."""


NOBODY = Witness()


@dataclass(frozen=True, slots=True)
class Callback:
    """What came to one of our callback addresses. `url` is the address as we gave it away, under the configured public
    address of the site: what the `Host` header says, whoever sent it has chosen.
    """

    url: str
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Reported(enum.StrEnum):
    """What a provider may tell us afterwards, in the words of a delivery's states."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """One thing a provider reports. `status` None: in words we do not know, so it changes nothing and somebody has to
    look. `code` of a failure is one of `reasons.REASONS`; `detail` holds the vendor's own words, but no address.
    """

    status: Reported | None
    code: str = ""
    reference: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a provider's settings: rendered as a form field in the admin and checked at start."""

    name: str
    label: str
    kind: Literal["text", "secret", "multiline_secret", "integer", "boolean", "choice", "url", "email"] = "text"
    required: bool = True
    default: Any = None
    help_text: str = ""
    choices: tuple[tuple[str, str], ...] = ()


class SettingsError(ValueError):
    """The settings of an account do not fit the schema; `errors` maps field name to what to do about it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = dict(errors)


@dataclass(eq=False)
class Provider:
    """One account at one vendor. Made once per process and account, used by several threads at a time.

    `send` returns one result for each outgoing, in the same order, and does not raise: what went wrong is a result.
    Every network call inside has a connect and a total timeout. A provider fills in `deliver`; the order of events
    is ours.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    channels: ClassVar[frozenset[str]]
    schema: ClassVar[tuple[Setting, ...]] = ()
    can_find: ClassVar[bool] = False
    receives: ClassVar[bool] = False

    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    account_id: int | None = None

    def __post_init__(self) -> None:
        self.settings = self.clean(self.settings)

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in defaults and check kinds. Raises `SettingsError` naming every field that does not fit."""
        known = {item.name for item in cls.schema}
        errors = {name: gettext("Unknown setting.") for name in settings.keys() - known}
        cleaned = {}
        for item in cls.schema:
            value = settings.get(item.name)
            cleaned[item.name] = item.default if value in (None, "") else value
            if problem := _problem(item, cleaned[item.name]):
                errors[item.name] = problem
        if errors:
            raise SettingsError(errors)
        return cleaned

    def send(
        self,
        batch: Sequence[Outgoing],
        *,
        deadline: float = math.inf,
        go_on: Callable[[], bool] = lambda: True,
        witness: Witness = NOBODY,
    ) -> list[Result]:
        """No call starts after `deadline` (seconds of `time.monotonic`): our lease on the rows would not outlast it;
        and none once `go_on` says no: the message was withdrawn. What is not tried the `witness` does not see.

        After two troubles in a row the rest of the batch is not tried: a provider that is down, slow or asks us to
        slow down must neither be hammered nor hold the thread for `len(batch)` timeouts.
        """
        results: list[Result] = []
        troubles, rest = 0, None
        for place, outgoing in enumerate(batch, start=1):
            if rest is None and (time.monotonic() >= deadline or not go_on()):
                rest = OUT_OF_TIME
            result = rest or self._seen(outgoing, batch[place] if place < len(batch) else None, witness)
            results.append(result)
            troubles = troubles + _trouble(result) if _trouble(result) else 0
            if rest is None and troubles >= TROUBLES_IN_A_ROW:
                rest = _untried(result)
        return results

    def deliver(self, outgoing: Outgoing) -> Result:
        """Hand over one outgoing that has not expired."""
        raise NotImplementedError

    def deliver_before(self, outgoing: Outgoing, following: Outgoing | None) -> Result:
        """As `deliver`, for a provider that gains by knowing what comes next. Nothing of `following` may be handed
        over here: it may yet be withdrawn.
        """
        return self.deliver(outgoing)

    def _seen(self, outgoing: Outgoing, following: Outgoing | None, witness: Witness) -> Result:
        witness.begins(outgoing.delivery_id)
        result = self._one(outgoing, following)
        witness.ended(outgoing.delivery_id, result)
        return result

    def _one(self, outgoing: Outgoing, following: Outgoing | None) -> Result:
        if outgoing.expired:
            return Refused("expired")
        try:
            return self.deliver_before(outgoing, following)
        except Exception as error:
            # Without the traceback's values: they hold the address and the text. A bug leaves the outcome open.
            logger.error("%s: delivery %s: %s", self.key, outgoing.delivery_id, type(error).__name__)
            return Unknown("provider_error", type(error).__name__)

    def find(self, outgoing: Outgoing, *, since: datetime) -> Accepted | Refused | None:
        """Evidence for an unknown outcome from the provider's own list; None if it has none.

        Only called where `can_find`; may raise `OSError` when the provider cannot be asked now.
        """
        raise NotImplementedError

    def authentic(self, callback: Callback) -> bool:
        """Whether this vendor has sent it, as it stands and to this address, for this account. Never raises.

        Only called where the provider `receives`.
        """
        raise NotImplementedError

    def parse_receipts(self, callback: Callback) -> list[ReceiptEvent]:
        """What an authentic callback reports of the delivery and the attempt that its address names, oldest first.

        It is asked later than `authentic`, of what was stored: address, content type and body, but no headers.
        """
        raise NotImplementedError

    def health(self) -> None:
        """Ask the provider whether the account works, without sending. Raises `OSError` with what is wrong."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the calling thread's connections."""


def _problem(item: Setting, value: Any) -> str:
    if value in (None, ""):
        return gettext("This setting is required.") if item.required else ""
    if item.kind == "integer" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        return gettext("A whole number, not below 0.")
    if item.kind == "boolean" and not isinstance(value, bool):
        return gettext("Yes or no.")
    if item.kind == "choice" and value not in {key for key, _label in item.choices}:
        return gettext("Not one of the choices.")
    if item.kind == "url" and not str(value).startswith(("http://", "https://")):
        return gettext("An address that starts with http:// or https://.")
    return ""


def _trouble(result: Result) -> int:
    """How much this result says against the provider; a refused account counts at once, before it gets locked."""
    if isinstance(result, Deferred) and result.code == "account_refused":
        return TROUBLES_IN_A_ROW
    if isinstance(result, Throttled | Unknown):
        return 1
    return int(isinstance(result, Deferred) and result.code in TROUBLE)


def _untried(last: Result) -> Result:
    if isinstance(last, Throttled):
        return Throttled(last.code, retry_after=last.retry_after, untried=True)
    return Deferred(last.code, retry_after=getattr(last, "retry_after", None), untried=True)
