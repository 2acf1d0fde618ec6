"""Twilio's status callbacks: whether they are genuine, and what they say.

https://www.twilio.com/docs/usage/security#validating-requests
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

import urllib.parse
from collections.abc import Callable, Mapping

from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

from apps.channels.providers.base import Callback, ReceiptEvent, Refused, Reported, Result

FORM = "application/x-www-form-urlencoded"
#: Twilio sends a dozen fields and may add some.
MOST_FIELDS = 100
MOST_DIGITS = 6
STATUSES = {
    "accepted": Reported.ACCEPTED,
    "scheduled": Reported.ACCEPTED,
    "queued": Reported.ACCEPTED,
    "sending": Reported.ACCEPTED,
    "sent": Reported.ACCEPTED,
    "delivered": Reported.DELIVERED,
    "read": Reported.DELIVERED,
    "undelivered": Reported.FAILED,
    "failed": Reported.FAILED,
    "canceled": Reported.FAILED,
}


def authentic(callback: Callback, *, account_sid: str, auth_token: str) -> bool:
    try:
        form = _form(callback)
    except ValueError:
        return False
    signature = callback.headers.get(SIGNATURE_HEADER, "")
    ours = form.get("AccountSid") == account_sid
    return ours and RequestValidator(auth_token).validate(callback.url, form, signature)


def events(callback: Callback, *, codes: Mapping[int, tuple[Callable[..., Result], str]]) -> list[ReceiptEvent]:
    """One event. `codes` is Twilio's table of results. Raises `ValueError` for what is no form."""
    form = _form(callback)
    word, number = form.get("MessageStatus", ""), form.get("ErrorCode", "")
    status, code = STATUSES.get(word), ""
    if status is Reported.FAILED:
        code = _code(number, codes)
        status = status if code else None
    return [ReceiptEvent(status, code, form.get("MessageSid", ""), f"{word} {number}".strip()[:100])]


def _code(number: str, codes: Mapping[int, tuple[Callable[..., Result], str]]) -> str:
    """Why a message failed, in our words; empty for a number that is not in the table."""
    if number in ("", "0"):
        return "rejected"
    known = number.isdecimal() and len(number) <= MOST_DIGITS
    make, code = codes.get(int(number), (None, "")) if known else (None, "")
    # What would be worth another try at the hand-over is final here.
    return code if make in (None, Refused) else "rejected"


def _form(callback: Callback) -> dict[str, str]:
    """The fields, each once. Raises `ValueError`.

    The signature runs over address, names and values without anything between them. So a name that begins with a digit
    could have had it moved there from the end of the address, and repeated fields count once only: genuine callbacks
    have neither.
    """
    if callback.content_type.partition(";")[0].strip().lower() != FORM:
        raise ValueError("not a form")
    pairs = urllib.parse.parse_qsl(
        callback.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
    )
    form = dict(pairs)
    if len(form) != len(pairs) or not all(name[:1].isalpha() for name in form):
        raise ValueError("not a form of Twilio's")
    return form
