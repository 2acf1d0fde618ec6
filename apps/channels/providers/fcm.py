"""Push to the school's own app over FCM HTTP v1: one POST per device token.

The delivery is accepted if one device's message was. Tokens that FCM reports as gone come back in `dead`.
"""

import hashlib
import json
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from google.auth import jwt
from google.oauth2 import service_account

from apps.channels.providers import http
from apps.channels.providers.base import (
    TROUBLE,
    Accepted,
    Deferred,
    Outgoing,
    Provider,
    Refused,
    Result,
    Setting,
    SettingsError,
    Throttled,
    Unknown,
)

API = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_TTL = 2_419_200
MAX_COLLAPSE_BYTES = 64
TOKEN_LIFETIME = 3600
TOKEN_MARGIN = 300

DEAD = Refused("no_live_device")
# FCM's own error code, else the canonical status, else HTTP: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
RESULTS: dict[str, Result] = {
    "UNREGISTERED": DEAD,
    "NOT_FOUND": DEAD,
    # Another project's token, or another project's credentials: no reason to throw tokens away.
    "SENDER_ID_MISMATCH": Deferred("account_refused"),
    "PERMISSION_DENIED": Deferred("account_refused"),
    "UNAUTHENTICATED": Deferred("account_refused"),
    "THIRD_PARTY_AUTH_ERROR": Deferred("account_refused"),
    "QUOTA_EXCEEDED": Throttled(),
    "RESOURCE_EXHAUSTED": Throttled(),
    "UNAVAILABLE": Deferred("provider_error"),
    "INVALID_ARGUMENT": Refused("content_rejected"),
    "401": Deferred("account_refused"),
    "403": Deferred("account_refused"),
    "413": Refused("content_rejected"),
    "429": Throttled(),
    "503": Deferred("provider_error"),
}


class FcmProvider(Provider):
    key = "fcm"
    label = _("App push (FCM)")
    channels = frozenset({"push"})
    schema = (
        Setting(
            "service_account",
            _("Service account (JSON)"),
            kind="multiline_secret",
            help_text=_("The key file of a service account that may send messages, as downloaded."),
        ),
        Setting(
            "project_id",
            _("Project"),
            required=False,
            default="",
            help_text=_("Empty: the project of the service account."),
        ),
        Setting("base_url", _("Address of the API"), kind="url", default=API),
        Setting("connect_timeout_ms", _("Time to connect (ms)"), kind="integer", default=5000),
        Setting("total_timeout_ms", _("Time for one person (ms)"), kind="integer", default=20000),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        settings = self.settings
        self._http = http.Http(
            connect_timeout=settings["connect_timeout_ms"] / 1000, total_timeout=settings["total_timeout_ms"] / 1000
        )
        info = json.loads(settings["service_account"])
        self._tokens = AccessTokens(info, self._http)
        project = settings["project_id"] or info["project_id"]
        self._url = f"{settings['base_url'].rstrip('/')}/v1/projects/{project}/messages:send"

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        cleaned = super().clean(settings)
        try:
            info = json.loads(cleaned["service_account"])
            service_account.Credentials.from_service_account_info(info)
        except Exception:
            # The library raises what its parsers raise, and the text may quote the key.
            raise SettingsError({"service_account": gettext("Not the key file of a service account.")}) from None
        if not (cleaned["project_id"] or info.get("project_id")):
            raise SettingsError({"project_id": gettext("This setting is required.")})
        return cleaned

    def deliver(self, outgoing: Outgoing) -> Result:
        with self._http.exchange() as exchange:
            message = _message(outgoing)
            results = {}
            for token in outgoing.addresses:
                results[token] = self._post({**message, "token": token}, exchange)
                if isinstance(results[token], Deferred) and results[token].code in TROUBLE:
                    # The next device would meet the same trouble.
                    break
        return combine(results, outgoing.addresses)

    def health(self) -> None:
        with self._http.exchange():
            try:
                self._tokens.renew(None)
            except NoToken as error:
                raise OSError(error.result.detail) from None

    def close(self) -> None:
        self._http.close()

    def _post(self, message: Mapping[str, Any], exchange: http.Exchange) -> Result:
        try:
            token = self._tokens.current()
            response = self._send(message, token, exchange)
            if response.status_code == 401:
                response = self._send(message, self._tokens.renew(token), exchange)
            if response.status_code == 200:
                return Accepted(reference=str(response.json().get("name", "")))
        except NoToken as error:
            return error.result
        except (OSError, ValueError, AttributeError) as error:
            return exchange.outcome(error)
        return classify(response)

    def _send(self, message: Mapping[str, Any], token: str, exchange: http.Exchange) -> http.Response:
        # What went out before was for a token, or answered with 401.
        exchange.handed_over = False
        headers = {"Authorization": f"Bearer {token}"}
        return self._http.request("POST", self._url, json={"message": message}, headers=headers)


class NoToken(Exception):
    """There is no access token, so nothing can have been handed over; `result` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.result = Deferred(code, detail)


class AccessTokens:
    """The account's access token, shared by all threads.

    Credentials and signature are google-auth's; the request is ours, since its own refresh sleeps and repeats with
    no total time limit.
    """

    def __init__(self, info: Mapping[str, Any], sessions: http.Http) -> None:
        self._credentials = service_account.Credentials.from_service_account_info(info)
        self._url = info["token_uri"]
        self._http = sessions
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def current(self) -> str:
        """Raises `NoToken`."""
        token, until = self._token, self._until
        return token if time.monotonic() < until else self.renew(token)

    def renew(self, stale: str | None) -> str:
        """A token other than `stale`; one thread asks, the others wait for it. Raises `NoToken`."""
        with self._lock:
            if stale is not None and self._token != stale and time.monotonic() < self._until:
                return self._token
            answer = self._ask()
            self._token = str(answer["access_token"])
            self._until = time.monotonic() + max(0, int(answer.get("expires_in", TOKEN_LIFETIME)) - TOKEN_MARGIN)
            return self._token

    def _ask(self) -> dict[str, Any]:
        form = {"grant_type": GRANT, "assertion": self._assertion()}
        try:
            response = self._http.request("POST", self._url, data=form)
            answer = response.json() if response.status_code == 200 else {}
        except (OSError, ValueError) as error:
            raise NoToken("provider_unreachable", f"token endpoint: {type(error).__name__}") from None
        if "access_token" in answer:
            return answer
        down = response.status_code >= 500 or response.status_code == 429
        raise NoToken(
            "provider_unreachable" if down else "account_refused", f"token endpoint: HTTP {response.status_code}"
        )

    def _assertion(self) -> bytes:
        now = int(time.time())
        claims = {
            "iss": self._credentials.service_account_email,
            "aud": self._url,
            "scope": SCOPE,
            "iat": now,
            "exp": now + TOKEN_LIFETIME,
        }
        return jwt.encode(self._credentials.signer, claims)


def classify(response: http.Response) -> Result:
    """What an answer other than 200 means for this one token."""
    error, code = _error(response)
    detail = f"{response.status_code} {code} {error.get('message', '')}"[:500]
    if code == "INVALID_ARGUMENT" and _is_about_token(error):
        return Refused(DEAD.code, detail)
    result = RESULTS.get(code) or RESULTS.get(str(response.status_code))
    if isinstance(result, Throttled):
        return Throttled(detail=detail, retry_after=http.retry_after(response))
    if isinstance(result, Deferred):
        return Deferred(result.code, detail, http.retry_after(response))
    if isinstance(result, Refused):
        return Refused(result.code, detail)
    if response.status_code >= 500:
        return Unknown("provider_error", detail)
    return Deferred("unmapped", detail)


def combine(results: Mapping[str, Result], tokens: tuple[str, ...]) -> Result:
    """One result for the person out of one per device."""
    dead = tuple(token for token, result in results.items() if _is_dead(result))
    for result in results.values():
        if isinstance(result, Accepted):
            return Accepted(result.reference, dead)
    if set(dead) == set(tokens):
        return Refused(DEAD.code, dead=dead)
    for kind in (Unknown, Throttled, Deferred):
        for result in results.values():
            if isinstance(result, kind):
                return result
    refused = next(result for result in results.values() if not _is_dead(result))
    return Refused(refused.code, refused.detail, dead)


def collapse_id(key: str) -> str:
    """APNs takes 64 bytes at most."""
    return key if len(key.encode()) <= MAX_COLLAPSE_BYTES else hashlib.sha256(key.encode()).hexdigest()


def _is_dead(result: Result) -> bool:
    return isinstance(result, Refused) and result.code == DEAD.code


def _message(outgoing: Outgoing) -> dict[str, Any]:
    android: dict[str, Any] = {"collapse_key": outgoing.key}
    apns_headers = {"apns-collapse-id": collapse_id(outgoing.key)}
    left = outgoing.seconds_left()
    if left is not None:
        ttl = max(1, min(MAX_TTL, math.floor(left)))
        android["ttl"] = f"{ttl}s"
        apns_headers["apns-expiration"] = str(int(time.time()) + ttl)
    return {
        "notification": {"title": outgoing.title, "body": outgoing.body},
        "data": {"delivery": outgoing.key},
        "android": android,
        "apns": {"headers": apns_headers},
    }


def _error(response: http.Response) -> tuple[dict[str, Any], str]:
    """(the error object, FCM's code for it); a page that is not FCM's own has no code."""
    try:
        error = response.json()["error"]
        details = [item for item in error.get("details", ()) if "errorCode" in item]
        return error, str(details[0]["errorCode"] if details else error.get("status", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, ""


def _is_about_token(error: Mapping[str, Any]) -> bool:
    """INVALID_ARGUMENT stands for a bad token and for bad content alike."""
    violations = (item.get("fieldViolations", ()) for item in error.get("details", ()))
    fields = {violation.get("field") for found in violations for violation in found}
    if fields:
        return fields == {"message.token"}
    return "registration token" in str(error.get("message", ""))
