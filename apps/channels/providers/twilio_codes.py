"""What Twilio's error codes mean for us: the table."""

from collections.abc import Callable

from apps.channels.providers.base import Deferred, Refused, Result, Throttled

# https://www.twilio.com/docs/api/errors
RESULTS: dict[int, tuple[Callable[..., Result], str]] = {
    20003: (Deferred, "account_refused"),
    20005: (Deferred, "account_refused"),
    20006: (Deferred, "account_refused"),
    20008: (Deferred, "account_refused"),
    20403: (Deferred, "account_refused"),
    20404: (Deferred, "account_refused"),
    20429: (Throttled, "throttled"),
    21211: (Refused, "no_such_number"),
    21212: (Deferred, "account_refused"),
    21217: (Refused, "no_such_number"),
    21408: (Refused, "rejected"),
    21602: (Refused, "content_rejected"),
    21603: (Deferred, "account_refused"),
    21604: (Refused, "no_such_number"),
    21606: (Deferred, "account_refused"),
    21608: (Deferred, "account_refused"),
    21609: (Deferred, "account_refused"),
    21610: (Refused, "opted_out"),
    21611: (Throttled, "throttled"),
    21612: (Refused, "unreachable_number"),
    21614: (Refused, "no_such_number"),
    21617: (Refused, "content_rejected"),
    21635: (Refused, "no_such_number"),
    21656: (Refused, "content_rejected"),
    21660: (Deferred, "account_refused"),
    21701: (Deferred, "account_refused"),
    21703: (Deferred, "account_refused"),
    21705: (Deferred, "account_refused"),
    30001: (Throttled, "throttled"),
    30002: (Deferred, "account_refused"),
    30003: (Refused, "unreachable_number"),
    30004: (Refused, "rejected"),
    30005: (Refused, "no_such_number"),
    30006: (Refused, "unreachable_number"),
    30007: (Refused, "content_rejected"),
    30008: (Refused, "rejected"),
    30022: (Throttled, "throttled"),
    30034: (Deferred, "account_refused"),
    30036: (Refused, "expired"),
    63038: (Throttled, "throttled"),
}
