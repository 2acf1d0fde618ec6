"""FCM HTTP v1 and its token endpoint on loopback, with a ledger and faults on demand.

    python -m tests.servers.fcm_server --port 0 --ledger FILE --key-file SERVICE_ACCOUNT.json

The service account is made here, with a key of its own: its `token_uri` points at this server, which checks the
signature and hands out access tokens. As a process it writes the account to `--key-file` before it prints its port.
"""

import functools
import json
import pathlib
import secrets
import time
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from tests.servers import base
from tests.servers.base import Fault
from tests.servers.http_server import HttpServer, Reply, Request

PROJECT = "school-app"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
# Fault -> HTTP status, canonical status, FCM's own code, message.
ERRORS: dict[Fault, tuple[int, str, str, str]] = {
    Fault.REFUSE: (404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found."),
    Fault.REFUSE_CONTENT: (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Android message is too big"),
    Fault.REFUSE_ACCOUNT: (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch"),
    Fault.DEFER: (503, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable."),
    Fault.DEFER_CONTENT: (503, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable."),
    Fault.UNAVAILABLE: (503, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable."),
    Fault.THROTTLE: (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Quota exceeded."),
    Fault.ERROR: (500, "INTERNAL", "INTERNAL", "An internal error has occurred."),
    Fault.ERROR_AFTER_ACCEPT: (500, "INTERNAL", "INTERNAL", "An internal error has occurred."),
}
TAKEN = frozenset({None, Fault.ERROR_AFTER_ACCEPT, Fault.DROP_AFTER_ACCEPT, Fault.HANG_AFTER_ACCEPT, Fault.DRIP})


@functools.cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class FcmServer(HttpServer):
    """Entries of the ledger: to (the device token), key, collapse_key, apns_collapse_id, ttl, title, body, name, at.

    Devices whose token is in `malformed` are answered with INVALID_ARGUMENT on the token. `token_fault` makes the
    token endpoint fail (REFUSE_ACCOUNT, ERROR, HANG, DRIP), `revoke()` voids the tokens handed out so far.
    """

    def __init__(self, **common: Any) -> None:
        super().__init__(**common)
        self.malformed: set[str] = set()
        self.token_fault: Fault | None = None
        self.tokens_issued = 0
        self._valid: set[str] = set()

    @property
    def service_account(self) -> dict[str, str]:
        pem = private_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "test",
            "private_key": pem.decode(),
            "client_email": f"sender@{PROJECT}.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }

    def revoke(self) -> None:
        self._valid.clear()

    async def handle(self, request: Request) -> Reply:
        if request.path == "/token":
            return self._token(request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._valid:
            return _error(401, "UNAUTHENTICATED", "", "Request had invalid authentication credentials.")
        if request.path != f"/v1/projects/{PROJECT}/messages:send":
            return Reply(404)
        return await self._message(request.json()["message"])

    def _token(self, request: Request) -> Reply:
        if self.token_fault is Fault.REFUSE_ACCOUNT:
            return Reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if self.token_fault is Fault.ERROR:
            return Reply(500, {"error": "internal_failure"})
        public = (
            private_key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        try:
            jwt.decode(request.form()["assertion"], certs=public, audience=f"{self.url}/token")
        except ValueError:
            return Reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT."})
        token = secrets.token_urlsafe(24)
        self._valid.add(token)
        self.tokens_issued += 1
        answer = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        return Reply(200, answer, fault=self.token_fault)

    async def _message(self, message: dict[str, Any]) -> Reply:
        device = message["token"]
        fault = self.fault(device)
        if device in self.malformed:
            return _bad_token()
        name = f"projects/{PROJECT}/messages/{secrets.token_hex(8)}"
        if fault in TAKEN:
            await self.accept(_entry(message, name))
        if fault in ERRORS:
            status = ERRORS[fault][0]
            headers = {"Retry-After": str(self.retry_after)} if status in (429, 503) else {}
            return _error(*ERRORS[fault], headers=headers)
        return Reply(200, {"name": name}, fault=fault)


def _entry(message: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "to": message["token"],
        "key": message["data"]["delivery"],
        "collapse_key": message["android"]["collapse_key"],
        "apns_collapse_id": message["apns"]["headers"]["apns-collapse-id"],
        "ttl": message["android"].get("ttl", ""),
        "title": message["notification"]["title"],
        "body": message["notification"]["body"],
        "name": name,
        "at": time.time(),
    }


def _error(status: int, canonical: str, code: str, text: str, *, headers: dict[str, str] | None = None) -> Reply:
    details = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    error = {"code": status, "message": text, "status": canonical, "details": details}
    return Reply(status, {"error": error}, headers or {})


def _bad_token() -> Reply:
    text = "The registration token is not a valid FCM registration token"
    violation = {"@type": BAD_REQUEST, "fieldViolations": [{"field": "message.token", "description": text}]}
    reply = _error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", text)
    reply.payload["error"]["details"].append(violation)
    return reply


class _Process(FcmServer):
    """Writes the key file as soon as its own address is known."""

    key_file = ""

    async def _listen(self) -> Any:
        listener = await super()._listen()
        if self.key_file:
            pathlib.Path(self.key_file).write_text(json.dumps(self.service_account))
        return listener


if __name__ == "__main__":
    parser = base.arguments(__doc__.partition("\n")[0])
    parser.add_argument("--key-file", default="", help="where the service account goes")
    parsed = parser.parse_args()
    server = _Process(**base.common(parsed))
    server.key_file = parsed.key_file
    server.script(base.scripted(parsed))
    server.run()
