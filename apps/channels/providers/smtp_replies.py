"""What SMTP replies mean for us: the table, and the function that reads it."""

import re
import smtplib
from collections.abc import Callable

from apps.channels.providers.base import Deferred, Refused, Result, Throttled

REFUSED, DEFERRED, THROTTLED = Refused, Deferred, Throttled

# Enhanced status codes, read in order. RFC 3463, and from the IANA registry 5.1.10 and 5.7.27 (RFC 7505), 5.7.10 to 13
# (RFC 5248), 5.7.17 and 18 (RFC 7293), 5.7.20 to 26 (RFC 7372). 4.7.28 and 5.7.28 are the registry's "mail flood".
ENHANCED: tuple[tuple[str, Callable[..., Result], str], ...] = (
    (r"5\.1\.(1|2|3|4|6|10)", REFUSED, "no_such_address"),
    # Our own address, wherever in the dialogue the server looks at it: nobody's delivery may die of it.
    (r"5\.1\.(7|8)", DEFERRED, "account_refused"),
    (r"5\.2\.1", REFUSED, "no_such_address"),
    (r"5\.2\.2", REFUSED, "mailbox_full"),
    (r"5\.2\.3", REFUSED, "content_rejected"),
    (r"5\.2\.4", REFUSED, "rejected"),
    (r"5\.3\.5", DEFERRED, "provider_error"),
    (r"5\.3\.(3|4)", REFUSED, "content_rejected"),
    (r"5\.4\.[67]", REFUSED, "rejected"),
    (r"5\.5\.3", THROTTLED, "throttled"),
    (r"5\.6\.\d+", REFUSED, "content_rejected"),
    # Login, encryption, and what receivers check about the sender (SPF, DKIM, DMARC, reverse DNS).
    (r"5\.7\.(3|8|9|10|11|12|13|14)", DEFERRED, "account_refused"),
    (r"5\.7\.(20|21|22|23|25|26|27)", DEFERRED, "account_refused"),
    (r"5\.7\.(17|18)", REFUSED, "no_such_address"),
    (r"5\.7\.28", THROTTLED, "throttled"),
    (r"4\.2\.2", DEFERRED, "mailbox_full"),
    (r"4\.3\.\d+", DEFERRED, "provider_error"),
    (r"4\.4\.5", THROTTLED, "throttled"),
    (r"4\.5\.3", THROTTLED, "throttled"),
    (r"4\.7\.28", THROTTLED, "throttled"),
)

# Stage ("*": any) and basic reply code, where the enhanced code is missing or says too little. A 4xx or 5xx that is not
# here is what its first digit says (RFC 5321, 4.2.1); 525 is a disabled account (RFC 5248), 556 a domain that takes no
# mail (RFC 7504).
BASIC: tuple[tuple[str, str, Callable[..., Result], str], ...] = (
    ("*", r"421", DEFERRED, "provider_unreachable"),
    ("*", r"525|530|534|535|538", DEFERRED, "account_refused"),
    # A refused sender is about our account, not about this recipient: nobody's delivery may die of it.
    ("sender", r"552", REFUSED, "content_rejected"),
    ("sender", r"5\d\d", DEFERRED, "account_refused"),
    ("recipient", r"550|551|553|556", REFUSED, "no_such_address"),
    ("recipient", r"552", REFUSED, "mailbox_full"),
    ("content", r"552|554", REFUSED, "content_rejected"),
    ("*", r"5\d\d", REFUSED, "rejected"),
    ("*", r"454", DEFERRED, "provider_error"),
    ("*", r"4\d\d", DEFERRED, "try_later"),
    ("*", r"\d+", DEFERRED, "unmapped"),
)

TOO_FAST = re.compile(r"too many|too fast|rate.?limit|throttl|slow down|频率|过快", re.IGNORECASE)
# "550" for a recipient is also said of senders that are not liked; an address must not be taken for dead because of it.
DISLIKED = re.compile(r"spam|\bblock|black.?list|policy|reputation|垃圾", re.IGNORECASE)
POLICY_REFUSAL = re.compile(r"5\.7\.\d+")
ENHANCED_CODE = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
QUEUED_AS = re.compile(r"(?:queued as|id[=:]?)\s*<?([\w.@-]+)", re.IGNORECASE)


def classify(stage: str, code: int, text: str) -> Result:
    """`stage`: connect, sender, recipient, data or content."""
    detail = f"{code} {text}"[:500]
    if 400 <= code < 500 and TOO_FAST.search(text):
        return Throttled(detail=detail)
    match = ENHANCED_CODE.match(text)
    enhanced = match.group(1) if match else ""
    for pattern, result, reason in ENHANCED:
        if re.fullmatch(pattern, enhanced) and enhanced[0] == str(code)[0]:
            return result(reason, detail)
    if stage != "sender" and code // 100 == 5 and POLICY_REFUSAL.fullmatch(enhanced) and code != 530:
        return Refused("rejected", detail)
    if stage == "recipient" and code // 100 == 5 and DISLIKED.search(text):
        return Refused("rejected", detail)
    for where, pattern, result, reason in BASIC:
        if where in ("*", stage) and re.fullmatch(pattern, str(code)):
            return result(reason, detail)
    return Deferred("unmapped", detail)


def not_connected(error: Exception) -> Result:
    """No connection, no greeting, no encryption or no login: nothing was handed over."""
    if isinstance(error, UnicodeError):
        return Deferred("account_refused", "not plain ASCII")
    if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500:
        return Deferred("account_refused", str(error.smtp_code))
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        if error.smtp_code < 500 and TOO_FAST.search(text):
            return Throttled(detail=text[:500])
        return Deferred("provider_unreachable", f"{error.smtp_code} {text}"[:500])
    return Deferred("provider_unreachable", type(error).__name__)


def queue_id(text: str) -> str:
    """The server's name for the message, where its reply tells."""
    match = QUEUED_AS.search(text)
    return match.group(1)[:100] if match else ""
