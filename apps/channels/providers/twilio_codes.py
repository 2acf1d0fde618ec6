"""What Twilio's error codes mean for us: the table.

Codes of the account (login, balance, sender) must never end a delivery: they pause the account. A code that is not here
is transient, with few attempts and an alert.
"""

from collections.abc import Callable

from apps.channels.providers.base import Deferred, Refused, Result, Throttled

# https://www.twilio.com/docs/api/errors
RESULTS: dict[int, tuple[Callable[..., Result], str]] = {
    10001: (Deferred, "account_refused"),
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
    21265: (Refused, "no_such_number"),
    21266: (Refused, "no_such_number"),
    21268: (Refused, "unreachable_number"),
    21408: (Refused, "rejected"),
    21601: (Deferred, "account_refused"),
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
    21659: (Deferred, "account_refused"),
    21660: (Deferred, "account_refused"),
    21661: (Deferred, "account_refused"),
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
    30010: (Refused, "rejected"),
    30022: (Throttled, "throttled"),
    30032: (Deferred, "account_refused"),
    30034: (Deferred, "account_refused"),
    30036: (Refused, "expired"),
    60728: (Throttled, "throttled"),
    63017: (Throttled, "throttled"),
    63038: (Throttled, "throttled"),
    90010: (Deferred, "account_refused"),
}
