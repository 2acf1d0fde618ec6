"""What a provider is: a settings schema, `send`, and optionally `find` and `health`.

A provider turns an `Outgoing` into one of our own five results; a vendor's words and codes stop in the vendor's file.
This package knows neither the ORM nor Celery: whatever it needs is handed to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal


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
    addresses: tuple[str, ...]
    title: str
    body: str
    expires_at: datetime | None = None
    callback_url: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken it. `dead` names device tokens the provider reported as gone on the way."""

    reference: str = ""
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not taken, and asking again would not help. `code` is one of our reasons (`reasons` below)."""

    code: str
    detail: str = ""
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deferred:
    """Certainly not taken, worth another try; not before `retry_after` seconds if the provider said so."""

    code: str
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """Certainly not taken because we are too fast; costs the delivery no attempt."""

    code: str = "throttled"
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Handed over, outcome not known: timeout, reset or crash after the provider may have taken it."""

    code: str
    detail: str = ""


Result = Accepted | Refused | Deferred | Throttled | Unknown


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


@dataclass
class Provider:
    """One account at one vendor. Made once per process and account, used by several threads at a time.

    `send` returns one result for each outgoing, in the same order, and does not raise: what went wrong is a result.
    Every network call inside has a connect and a total timeout.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    channels: ClassVar[frozenset[str]]
    schema: ClassVar[tuple[Setting, ...]] = ()
    can_find: ClassVar[bool] = False

    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = self.clean(self.settings)

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in defaults. Raises `SettingsError` for a missing or an unknown setting."""
        errors = {name: "unknown setting" for name in settings.keys() - {item.name for item in cls.schema}}
        cleaned = {}
        for item in cls.schema:
            value = settings.get(item.name)
            cleaned[item.name] = item.default if value in (None, "") else value
            if item.required and cleaned[item.name] in (None, ""):
                errors[item.name] = "this setting is required"
        if errors:
            raise SettingsError(errors)
        return cleaned

    def send(self, batch: Sequence[Outgoing]) -> list[Result]:
        raise NotImplementedError

    def find(self, outgoing: Outgoing, *, since: datetime) -> Accepted | Refused | None:
        """Evidence for an unknown outcome from the provider's own list; None if it has none.

        Only called where `can_find`; may raise `OSError` when the provider cannot be asked now.
        """
        raise NotImplementedError

    def health(self) -> None:
        """Ask the provider whether the account works, without sending. Raises `OSError` with what is wrong."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the calling thread's connections."""
