"""The messaging part of Twilio's REST API on loopback, with a ledger and faults on demand.

    python -m tests.servers.twilio_server --port 0 --ledger FILE --account-sid AC… --auth-token …

Messages can be created, listed (To, From, DateSent and its inequalities, PageSize) and fetched; the account can be
fetched. Status callbacks are sent where `reports` says so. A server started on an old ledger knows its messages again.
"""

import asyncio
import collections
import email.utils
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.servers import base
from tests.servers.base import Fault
from tests.servers.http_server import HttpServer, Reply, Request
from tests.servers.ledger import Entry
from tests.servers.twilio_callbacks import Report, Reporter

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "token"
# Fault -> HTTP status, Twilio's code, message.
ERRORS: dict[Fault, tuple[int, int, str]] = {
    Fault.REFUSE: (400, 21211, "The 'To' number {to} is not a valid phone number."),
    Fault.REFUSE_CONTENT: (400, 21617, "The concatenated message body exceeds the 1600 character limit"),
    Fault.REFUSE_ACCOUNT: (401, 20003, "Authenticate"),
    Fault.DEFER: (400, 99999, "A code from tomorrow"),
    Fault.DEFER_CONTENT: (400, 99999, "A code from tomorrow"),
    Fault.THROTTLE: (429, 20429, "Too Many Requests"),
    Fault.UNAVAILABLE: (503, 20503, "Service unavailable"),
    Fault.ERROR: (500, 20500, "Internal server error"),
    Fault.ERROR_AFTER_ACCEPT: (500, 20500, "Internal server error"),
}
TAKEN = frozenset({None, Fault.ERROR_AFTER_ACCEPT, Fault.DROP_AFTER_ACCEPT, Fault.HANG_AFTER_ACCEPT, Fault.DRIP})
RECORDED = {
    "from": "From",
    "messaging_service_sid": "MessagingServiceSid",
    "body": "Body",
    "status_callback": "StatusCallback",
    "validity_period": "ValidityPeriod",
}


class TwilioServer(HttpServer):
    """Entries of the ledger: to, from, messaging_service_sid, body, status_callback, validity_period, sid, status, at.

    `codes` says with which of Twilio's error codes a number is refused: `server.codes["+1…"] = 21610`; `listed` False
    answers the list of messages with 503; `ahead` is what its clock is ahead, in seconds. `reports` says for each
    accepted entry what its callback address gets, `reporter` what came of that; `before_answer` is called with each
    entry after its accept, and the answer waits.
    """

    def __init__(self, *, account_sid: str = ACCOUNT_SID, auth_token: str = AUTH_TOKEN, **common: Any) -> None:
        super().__init__(**common)
        self.account_sid, self.auth_token = account_sid, auth_token
        self.codes: dict[str, int] = {}
        self.listed = True
        self.ahead = 0.0
        self.lists = 0
        self.reports: Callable[[Entry], Sequence[Report]] = lambda _entry: ()
        self.before_answer: Callable[[Entry], None] | None = None
        self.reporter = Reporter(account_sid, auth_token)
        self._by_number: dict[str, list[Entry]] = collections.defaultdict(list)
        for entry in self._ledger.entries:
            self._by_number[entry["to"]].append(entry)

    def __exit__(self, *details: object) -> None:
        self.reporter.stop()
        super().__exit__(*details)

    async def handle(self, request: Request) -> Reply:
        if request.basic_auth() != (self.account_sid, self.auth_token):
            return _error(401, 20003, "Authenticate")
        account = f"/2010-04-01/Accounts/{self.account_sid}"
        if request.path == f"{account}.json":
            return Reply(200, {"sid": self.account_sid, "status": "active"})
        if request.path == f"{account}/Messages.json":
            return await self._create(request.form()) if request.method == "POST" else self._list(request.query)
        if request.path.startswith(f"{account}/Messages/"):
            return self._fetch(request.path.rpartition("/")[2].removesuffix(".json"))
        return _error(404, 20404, f"The requested resource {request.path} was not found")

    async def _create(self, form: dict[str, str]) -> Reply:
        number = form.get("To", "")
        fault = self.fault(number)
        if not (form.get("From") or form.get("MessagingServiceSid")):
            return _error(400, 21603, "A 'From' phone number is required.")
        if not form.get("Body"):
            return _error(400, 21602, "Message body is required.")
        if number in self.codes:
            return _error(400, self.codes[number], f"Refused {number}")
        entry = await self._take(form) if fault in TAKEN else None
        if entry and self.before_answer:
            await asyncio.get_running_loop().run_in_executor(None, self.before_answer, entry)
        if entry and entry["status_callback"]:
            self.reporter.plan(entry, self.reports(entry))
        if fault in ERRORS:
            status, code, message = ERRORS[fault]
            headers = {"Retry-After": str(self.retry_after)} if status in (429, 503) else {}
            return _error(status, code, message.format(to=number), headers)
        return Reply(201, self._resource(entry) if entry else None, fault=fault)

    async def _take(self, form: dict[str, str]) -> Entry:
        entry: Entry = {"to": form["To"], "sid": "SM" + secrets.token_hex(16), "status": "queued"}
        entry["at"] = time.time() + self.ahead
        entry |= {name: form.get(parameter, "") for name, parameter in RECORDED.items()}
        await self.accept(entry)
        self._by_number[entry["to"]].append(entry)
        return entry

    def _list(self, query: dict[str, str]) -> Reply:
        self.lists += 1
        if not self.listed:
            return _error(503, 20503, "Service unavailable")
        entries = self._by_number.get(query["To"], []) if "To" in query else self._ledger.entries
        found = [entry for entry in reversed(entries) if _wanted(entry, query)]
        size = int(query.get("PageSize", 50))
        page = {"messages": [self._resource(entry) for entry in found[:size]], "page": 0, "page_size": size}
        return Reply(200, page | {"next_page_uri": None, "previous_page_uri": None})

    def _fetch(self, sid: str) -> Reply:
        for entry in reversed(self._ledger.entries):
            if entry["sid"] == sid:
                return Reply(200, self._resource(entry))
        return _error(404, 20404, f"The requested resource {sid} was not found")

    def _resource(self, entry: Entry) -> dict[str, Any]:
        created = email.utils.formatdate(int(entry["at"]))
        return {
            "sid": entry["sid"],
            "account_sid": self.account_sid,
            "to": entry["to"],
            "from": entry["from"] or None,
            "messaging_service_sid": entry["messaging_service_sid"] or None,
            "body": entry["body"],
            "status": entry["status"],
            "direction": "outbound-api",
            "error_code": entry.get("error_code"),
            "date_created": created,
            "date_updated": created,
            "date_sent": None if entry["status"] == "queued" else created,
        }


def _wanted(entry: Entry, query: dict[str, str]) -> bool:
    if query.get("From", entry["from"]) != entry["from"]:
        return False
    # What still waits has no date on which it was sent.
    sent = "" if entry["status"] == "queued" else time.strftime("%Y-%m-%d", time.gmtime(entry["at"]))
    day, before, after = query.get("DateSent"), query.get("DateSent<"), query.get("DateSent>")
    if not sent:
        return not (day or before or after)
    return (not day or sent == day[:10]) and (not before or sent <= before[:10]) and (not after or sent >= after[:10])


def _error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> Reply:
    payload = {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}"}
    return Reply(status, payload | {"status": status}, headers or {})


if __name__ == "__main__":
    parser = base.arguments(__doc__.partition("\n")[0])
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--auth-token", default=AUTH_TOKEN)
    parsed = parser.parse_args()
    server = TwilioServer(account_sid=parsed.account_sid, auth_token=parsed.auth_token, **base.common(parsed))
    server.script(base.scripted(parsed))
    server.run()
