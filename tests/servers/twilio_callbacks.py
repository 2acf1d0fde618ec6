"""Status callbacks as Twilio sends them: a signed form to the StatusCallback address of a message.

server.reports = lambda entry: [Report("sent"), Report("delivered", after=0.5)]     # none of them: dropped
server.reporter.proxy = web.url           # connect there; the signature still runs over the address
server.reporter.wait(2); server.reporter.answers      # [("sent", 202), ("delivered", 202)]
"""

import heapq
import itertools
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from twilio.request_validator import RequestValidator

from tests.servers.ledger import Entry

TIMEOUT = 10.0


@dataclass(frozen=True)
class Report:
    """One callback, `after` so many seconds from the accept; the same twice is a duplicate. A forged one is signed with
    another token.
    """

    status: str
    error_code: int | None = None
    after: float = 0.0
    forged: bool = False


class Reporter:
    """Sends from one thread of its own, what is due first. `answers` holds (status, HTTP status or None) in order."""

    def __init__(self, account_sid: str, auth_token: str) -> None:
        self.account_sid, self.auth_token = account_sid, auth_token
        self.proxy = ""
        self.answers: list[tuple[str, int | None]] = []
        self._planned: list[tuple[float, int, Entry, Report]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def plan(self, entry: Entry, reports: Sequence[Report]) -> None:
        with self._changed:
            for report in reports:
                heapq.heappush(
                    self._planned, (time.monotonic() + report.after, next(self._numbers), dict(entry), report)
                )
            if reports and self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def send(self, entry: Entry, report: Report) -> int | None:
        """Post one callback; the HTTP status, or None where nobody answered."""
        url = entry["status_callback"]
        form = self.form(entry, report)
        headers = {"X-Twilio-Signature": self.signature(url, form, forged=report.forged)}
        content = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self._through(url), content, headers)
        try:
            with _opener.open(request, timeout=TIMEOUT) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def form(self, entry: Entry, report: Report) -> dict[str, str]:
        form = {
            "ApiVersion": "2010-04-01",
            "AccountSid": self.account_sid,
            "MessageSid": entry["sid"],
            "SmsSid": entry["sid"],
            "MessageStatus": report.status,
            "SmsStatus": report.status,
            "From": entry["from"],
            "To": entry["to"],
        }
        return form if report.error_code is None else {**form, "ErrorCode": str(report.error_code)}

    def signature(self, url: str, form: dict[str, str], *, forged: bool = False) -> str:
        return RequestValidator("forged" if forged else self.auth_token).compute_signature(url, form)

    def wait(self, count: int, *, seconds: float = 30) -> None:
        """Until so many callbacks have been answered (or not)."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.answers) >= count, seconds)
        assert done, f"{len(self.answers)} of {count} callbacks: {self.answers}"

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def _through(self, url: str) -> str:
        parts = urllib.parse.urlsplit(url)
        return url if not self.proxy else f"{self.proxy}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def _run(self) -> None:
        while due := self._next():
            entry, report = due
            answer = self.send(entry, report)
            with self._changed:
                self.answers.append((report.status, answer))
                self._changed.notify_all()

    def _next(self) -> tuple[Entry, Report] | None:
        """The report that is due next, when it is; None when the server ends."""
        with self._changed:
            while not self._stopped:
                left = self._planned[0][0] - time.monotonic() if self._planned else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._planned)[2:]
                self._changed.wait(left)
            return None


# Not through a proxy of the environment: everything here is on loopback.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
