"""Where somebody is logged in: browsers, and tokens of the API."""

from allauth.usersessions.models import UserSession
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from knox.models import AuthToken

from apps.accounts.models import User
from apps.audit import services as audit
from apps.core.db import transactional


def browsers(user: User) -> list[UserSession]:
    """The latest first. Those that are over are forgotten."""
    rows = UserSession.objects.purge_and_list(user)
    return sorted(rows, key=lambda one: (one.last_seen_at, one.pk), reverse=True)


def tokens(user: User) -> QuerySet[AuthToken]:
    return AuthToken.objects.filter(user=user, expiry__gt=timezone.now()).order_by("-created")


def keep_listed(request: HttpRequest, *, before: str | None) -> None:
    """The session at hand has another key than `before`."""
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


@transactional
def end_all(user: User, *, by: User, keep: str | None = None) -> None:
    """Log out everywhere: every browser (but that with the session key `keep`) and every token."""
    ended = 0
    for session in UserSession.objects.filter(user=user).exclude(session_key=keep or ""):
        session.end()
        ended += 1
    gone, _rows = AuthToken.objects.filter(user=user).delete()
    audit.record("end_sessions", user, by=by, browsers=ended, tokens=gone)
