"""Text messages over Twilio.

The result codes of Twilio are mapped in `twilio_codes`; where its answer may have been lost the outcome is unknown and
`find` asks its list of messages.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from twilio.base import values
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from apps.channels.providers import http, twilio_codes, twilio_receipts
from apps.channels.providers.base import (
    Accepted,
    Callback,
    Deferred,
    Outgoing,
    Provider,
    ReceiptEvent,
    Refused,
    Result,
    Setting,
    SettingsError,
    Throttled,
    Unknown,
)

API = "https://api.twilio.com"
MAX_VALIDITY = 36000
PAGE = 100
# Twilio's clock against ours, and its times are whole seconds.
CLOCK_SKEW = timedelta(seconds=5)


class TwilioProvider(Provider):
    key = "twilio"
    label = _("Text messages (Twilio)")
    channels = frozenset({"sms"})
    can_find = True
    receives = True
    schema = (
        Setting("account_sid", _("Account SID")),
        Setting("auth_token", _("Auth token"), kind="secret"),
        Setting(
            "from_number",
            _("From number"),
            required=False,
            default="",
            help_text=_("Either this or a messaging service."),
        ),
        Setting("messaging_service_sid", _("Messaging service SID"), required=False, default=""),
        Setting("base_url", _("Address of the API"), kind="url", default=API),
        Setting("connect_timeout_ms", _("Time to connect (ms)"), kind="integer", default=5000),
        Setting("total_timeout_ms", _("Time for one message (ms)"), kind="integer", default=20000),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        settings = self.settings
        self._http = http.Http(
            connect_timeout=settings["connect_timeout_ms"] / 1000, total_timeout=settings["total_timeout_ms"] / 1000
        )
        self._client = Client(
            settings["account_sid"],
            settings["auth_token"],
            http_client=HttpClient(self._http, settings["base_url"]),
            # Otherwise it reads the process environment.
            environment={"": ""},
        )

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        cleaned = super().clean(settings)
        if bool(cleaned["from_number"]) == bool(cleaned["messaging_service_sid"]):
            raise SettingsError({"from_number": gettext("Either a from number or a messaging service, please.")})
        return cleaned

    @cached_property
    def _sender(self) -> dict[str, str]:
        if self.settings["messaging_service_sid"]:
            return {"messaging_service_sid": self.settings["messaging_service_sid"]}
        return {"from_": self.settings["from_number"]}

    def deliver(self, outgoing: Outgoing) -> Result:
        if not outgoing.addresses:
            return Refused("no_such_number")
        with self._http.exchange() as exchange:
            try:
                message = self._client.messages.create(
                    to=outgoing.addresses[0],
                    body=text(outgoing),
                    status_callback=outgoing.callback_url or values.unset,
                    validity_period=_validity(outgoing),
                    **self._sender,
                )
            except ApiError as error:
                return error.result(outgoing.addresses[0])
            except (OSError, ValueError) as error:
                return exchange.outcome(error)
        return Accepted(reference=message.sid or "")

    def find(self, outgoing: Outgoing, *, since: datetime) -> Accepted | Refused | None:
        """Twilio's newest messages to this number. Its DateSent filter is not used: what still waits in Twilio's
        own queue has no such date, and those are the ones this is asked for.
        """
        after = since.astimezone(UTC) - CLOCK_SKEW
        with self._http.exchange():
            try:
                found = self._client.messages.list(to=outgoing.addresses[0], limit=PAGE, page_size=PAGE)
            except ApiError as error:
                raise OSError(f"HTTP {error.status}, code {error.code}") from None
        for message in found:
            outbound = (message.direction or "").startswith("outbound")
            if outbound and message.body == text(outgoing) and message.date_created >= after:
                return _evidence(message)
        return None

    def authentic(self, callback: Callback) -> bool:
        return twilio_receipts.authentic(
            callback, account_sid=self.settings["account_sid"], auth_token=self.settings["auth_token"]
        )

    def parse_receipts(self, callback: Callback) -> list[ReceiptEvent]:
        return twilio_receipts.events(callback, codes=twilio_codes.RESULTS)

    def health(self) -> None:
        with self._http.exchange():
            try:
                self._client.api.accounts(self.settings["account_sid"]).fetch()
            except ApiError as error:
                raise OSError(f"HTTP {error.status}, code {error.code}") from None

    def close(self) -> None:
        self._http.close()


class HttpClient(TwilioHttpClient):
    """Twilio's client over our sessions: time limits, another address, and no log of numbers and texts."""

    def __init__(self, sessions: http.Http, base_url: str) -> None:
        super().__init__(pool_connections=False)
        self._sessions = sessions
        self._base_url = base_url.rstrip("/")

    def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float | None = None,
        allow_redirects: bool = False,
        **content: Any,
    ) -> Response:
        """`content` is params, data, headers and auth; the time limits and the rule on redirects are ours."""
        response = self._sessions.request(method, url.replace(API, self._base_url, 1), **content)
        if response.status_code >= 300:
            raise ApiError.of(response)
        return Response(response.status_code, response.text, response.headers)


class ApiError(Exception):
    """Twilio's answer was not a success. Carries Retry-After, which the library's own exception drops."""

    def __init__(self, status: int, code: int, message: str, retry_after: float | None) -> None:
        super().__init__(status, code)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after

    @classmethod
    def of(cls, response: Any) -> "ApiError":
        try:
            payload = response.json()
            code, message = int(payload.get("code") or 0), str(payload.get("message") or "")
        except (ValueError, AttributeError, TypeError):
            code, message = 0, ""
        return cls(response.status_code, code, message, http.retry_after(response))

    def result(self, number: str) -> Result:
        detail = f"{self.status} {self.code} {self.message.replace(number, '…')}"[:500]
        if self.status >= 500:
            # Twilio may have taken it before it failed.
            return Unknown("provider_error", detail)
        make, code = twilio_codes.RESULTS.get(self.code, (None, ""))
        if self.status == 429 or make is Throttled:
            return Throttled(detail=detail, retry_after=self.retry_after)
        if make is Refused:
            return Refused(code, detail)
        if make is None:
            code = "account_refused" if self.status in (401, 402, 403) else "unmapped"
        return Deferred(code, detail, self.retry_after)


def text(outgoing: Outgoing) -> str:
    """A text message has no subject: the body is all of it."""
    return outgoing.body or outgoing.title


def _validity(outgoing: Outgoing) -> int | object:
    left = outgoing.seconds_left()
    return values.unset if left is None else max(1, min(MAX_VALIDITY, int(left)))


def _evidence(message: MessageInstance) -> Accepted | Refused:
    if message.status in ("failed", "undelivered", "canceled"):
        make, code = twilio_codes.RESULTS.get(int(message.error_code or 0), (Refused, "rejected"))
        return Refused(code if make is Refused else "rejected", f"{message.status} {message.error_code or ''}".strip())
    return Accepted(reference=message.sid)
