"""Browsers in which somebody has logged in before. Their tries are counted apart, so that nobody locks their owner out.

A signed cookie names the device and the logins it knows; it opens no door.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "known_device"
SALT = "apps.accounts.known"
MAX_AGE = 365 * 24 * 3600
#: Of the people who share a device, the last so many.
MOST_USERS = 5


def device(request: HttpRequest, user_id: int | None) -> str | None:
    """The device's own name if this user has logged in there before."""
    name, users = _read(request)
    return name if user_id is not None and user_id in users else None


def remember(request: HttpRequest, response: HttpResponse, user_id: int) -> None:
    name, users = _read(request)
    users = [user_id, *(one for one in users if one != user_id)][:MOST_USERS]
    response.set_cookie(
        COOKIE,
        signing.dumps([name or secrets.token_urlsafe(12), users], salt=SALT),
        max_age=MAX_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> tuple[str, list[int]]:
    try:
        name, users = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE)
    except (signing.BadSignature, ValueError):
        return "", []
    return name, users
