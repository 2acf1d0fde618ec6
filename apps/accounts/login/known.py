"""Browsers in which somebody has logged in before. Their tries are counted apart, so that nobody locks their owner out.

A signed cookie names the device, and the logins it knows with the names that led to them; it opens no door.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from apps.accounts import names

COOKIE = "known_device"
SALT = "apps.accounts.known.logins"
MAX_AGE = 365 * 24 * 3600
#: Of the people who share a device, and the names they use, the last so many.
MOST_LOGINS = 8


def device(request: HttpRequest, user_id: int | None) -> str | None:
    """The device's own name if this user has logged in there before."""
    name, logins = _read(request)
    return name if any(user_id == one for one, _name in logins) else None


def user_of(request: HttpRequest, typed: str) -> int | None:
    """The id of the user to whom this name led there before; a name in LDAP need not be his here."""
    digest = _digest(typed)
    return next((user_id for user_id, name in _read(request)[1] if name == digest), None)


def remember(request: HttpRequest, response: HttpResponse, user_id: int, typed: str) -> None:
    name, logins = _read(request)
    login = [user_id, _digest(typed)]
    logins = [login, *(one for one in logins if one != login)][:MOST_LOGINS]
    response.set_cookie(
        COOKIE,
        signing.dumps([name or secrets.token_urlsafe(12), logins], salt=SALT),
        max_age=MAX_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> tuple[str, list[list[object]]]:
    try:
        name, logins = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE)
    except (signing.BadSignature, ValueError):
        return "", []
    return name, logins


def _digest(typed: str) -> str:
    """Keyed: whoever finds the cookie learns no name from it."""
    return salted_hmac(SALT, names.subject(None, typed)).hexdigest()[:16]
