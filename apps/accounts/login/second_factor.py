"""The second factor: time-based codes of an app, and recovery codes for when it is lost."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from apps.accounts import limits, rights
from apps.accounts.limits import Count
from apps.accounts.login import known, sessions
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.audit import origin
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import InvalidInput, NotAllowed, NotFound

Type = Authenticator.Type
PERIOD = 30
#: A phone's clock may be so many periods off.
TOLERANCE = 1


def required(user: User) -> bool:
    """Whether the house asks for one: of everybody who may publish."""
    return settings.REQUIRE_TOTP and (user.is_superuser or rights.holds(user, Right.PUBLISH))


def enabled(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Type.TOTP).exists()


def owed(user: User) -> bool:
    """Whether he still has to set one up."""
    return settings.REQUIRE_TOTP and not enabled(user) and required(user)


def demand(user: User) -> None:
    """Raises `NotAllowed` for somebody who still has to set one up."""
    if owed(user):
        detail = _("Whoever may publish needs a second factor. Log in to the website and set it up there first.")
        raise NotAllowed(detail, code="totp_setup_required")


def check(request: HttpRequest, user: User, code: str) -> Authenticator:
    """The authenticator that the code belongs to; the code is spent. Raises `TooMany`, or `InvalidInput`."""
    counts = _counts(request, user)
    limits.take(*counts)
    found = _spend(user, code.strip().replace(" ", ""))
    if found is None:
        audit.record("code_failed", user, by=None)
        raise InvalidInput(_("This code is wrong or has been used."), code="totp_invalid", field="code")
    limits.give_back(*counts)
    return found


@transactional
def begin(user: User, *, keep: str | None) -> None:
    """It has just been set up: whoever got in without it is out, and the code that was shown is spent."""
    row = Authenticator.objects.get(user=user, type=Type.TOTP)
    # allauth takes no code of a later period than this one.
    row.data["last_counter"] = int(time.time()) // PERIOD
    row.save(update_fields=["data"])
    sessions.end_all(user, by=user, keep=keep)


@transactional
def remove(user: User, *, by: User) -> None:
    """For somebody who has lost phone and recovery codes; it logs him out everywhere.

    Raises `NotFound` or `NotAllowed`.
    """
    if not by.is_superuser:
        raise NotAllowed()
    if not Authenticator.objects.filter(user=user).delete()[0]:
        raise NotFound(_("This login has no second factor."))
    audit.record("remove_second_factor", user, by=by)
    sessions.end_all(user, by=by)


def _counts(request: HttpRequest, user: User) -> list[Count]:
    who = f"user {user.pk}"
    device = known.device(request, user.pk)
    here = ("device", device) if device else (limits.network(origin.client_address(request)),)
    return [Count(limits.CODE, (who, *here)), Count(limits.CODE_OF_USER, (who,))]


@transactional
def _spend(user: User, code: str) -> Authenticator | None:
    """The rows are locked, so that of two requests with one code only one gets in."""
    rows: QuerySet[Authenticator] = Authenticator.objects.select_for_update().filter(user=user).order_by("pk")
    for row in rows:
        if _takes(row, code):
            return row
    return None


def _takes(row: Authenticator, code: str) -> bool:
    match row.type:
        case Type.TOTP:
            return _takes_totp(row, code)
        case Type.RECOVERY_CODES:
            return RecoveryCodes(row).validate_code(code)
    return False


def _takes_totp(row: Authenticator, code: str) -> bool:
    secret, now = decrypt(row.data["secret"]), int(time.time()) // PERIOD
    for counter in range(now - TOLERANCE, now + TOLERANCE + 1):
        expected = totp.format_hotp_value(totp.hotp_value(secret, counter))
        if counter > row.data.get("last_counter", 0) and constant_time_compare(expected, code):
            row.data["last_counter"] = counter
            row.save(update_fields=["data"])
            return True
    return False
