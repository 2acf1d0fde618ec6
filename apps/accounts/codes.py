"""Six digits that go to a contact point and prove who reads there: once, for ten minutes, in five tries."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.db.models import F
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from apps.accounts import letters, limits
from apps.accounts.models import Challenge, Letter
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import MsgcenterError
from apps.directory.models import ContactPoint

T = TypeVar("T")

VALID = timedelta(minutes=10)
MAX_TRIES = 5
DIGITS = 6
SALT = "apps.accounts.codes"
KEPT = timedelta(days=1)


@transactional
def send(purpose: Challenge.Purpose, contact_point: ContactPoint | None, *, via: str) -> Challenge:
    """A new code, on its way. Without a contact point the same happens, only that nothing arrives."""
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    handle, expires_at = secrets.token_urlsafe(32), timezone.now() + VALID
    challenge = Challenge.objects.create(
        handle=handle,
        purpose=purpose,
        person=contact_point.person if contact_point else None,
        contact_point=contact_point,
        digest=_digest(handle, code),
        expires_at=expires_at,
    )
    letters.write(Letter.Kind(purpose), contact_point, code, via=via, expires_at=expires_at)
    return challenge


def find(handle: str, purpose: Challenge.Purpose) -> Challenge | None:
    rows = Challenge.objects.select_related("person", "contact_point")
    return rows.filter(handle=handle, purpose=purpose, used_at=None, expires_at__gt=timezone.now()).first()


def counted(network: str, attempt: Callable[[], T | None]) -> T | None:
    """What the attempt to use a code gives, None if it is wrong. It is counted before it is made. Raises `TooMany`.

    Not inside a transaction: whoever else counts for the network would wait for its end.
    """
    count = limits.codes_of_network(network)
    limits.take(count)
    try:
        found = attempt()
    except MsgcenterError:
        limits.give_back(count)
        raise
    if found is not None:
        limits.give_back(count)
    return found


@transactional
def redeem(challenge: Challenge, code: str) -> bool:
    """Whether the code is right; then it is used up. The try is counted before it is looked at."""
    if _redeemed(challenge, code) and challenge.person_id is not None:
        return True
    audit.record("code_failed", challenge, by=None)
    return False


def _redeemed(challenge: Challenge, code: str) -> bool:
    row = Challenge.objects.filter(pk=challenge.pk, used_at=None)
    if not row.filter(tries__lt=MAX_TRIES, expires_at__gt=timezone.now()).update(tries=F("tries") + 1):
        return False
    right = constant_time_compare(_digest(challenge.handle, code.strip()), challenge.digest)
    return right and bool(row.update(used_at=timezone.now()))


def forget_old() -> None:
    Challenge.objects.filter(expires_at__lt=timezone.now() - KEPT).delete()


def _digest(handle: str, code: str) -> str:
    """Keyed: a million codes are soon tried against a plain hash."""
    return salted_hmac(SALT, f"{handle}:{code}", algorithm="sha256").hexdigest()
