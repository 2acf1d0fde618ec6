"""Who asks the API: tokens and keys, and the sessions of our own pages."""

from typing import Any

from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS
from rest_framework import authentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

from apps.accounts import keys
from apps.accounts.login import second_factor
from apps.accounts.models import ApiKey, User

#: What somebody may do who still has to set up his second factor.
OPEN = ("/api/v1/inbox", "/api/v1/devices", "/api/v1/logout")


class TokenAuthentication(KnoxAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        return _with_second_factor(request, super().authenticate(request))

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        """As knox does it, with the person in the same query. A token of ours is ASCII."""
        told = token.decode(errors="replace")
        rows = AuthToken.objects.filter(token_key=told[: CONSTANTS.TOKEN_KEY_LENGTH]).select_related("user__person")
        for row in rows:
            if not self._cleanup_token(row) and constant_time_compare(hash_token(told), row.digest):
                return self.validate_user(row)
        raise AuthenticationFailed(_("Invalid token."))

    def validate_user(self, auth_token: AuthToken) -> tuple[Any, Any]:
        if not auth_token.user.may_log_in:
            raise AuthenticationFailed(_("Invalid token."))
        return auth_token.user, auth_token


class KeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer mk_live_…`; `request.auth` is the key. Why a key opens nothing is not said."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _space, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != self.keyword.lower().encode():
            return None
        row = keys.find(token.decode("latin-1"))
        if row is None:
            raise AuthenticationFailed(_("This key is not valid."))
        keys.note_use(row)
        return keys.acting(row), row

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class CallerThrottle(UserRateThrottle):
    """Each key has the whole rate for itself, and takes nothing of its owner's."""

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        if isinstance(request.auth, ApiKey):
            return self.cache_format % {"scope": self.scope, "ident": request.auth.prefix}
        return super().get_cache_key(request, view)


class SessionAuthentication(authentication.SessionAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        return _with_second_factor(request, super().authenticate(request))


def _with_second_factor(request: Request, found: tuple[Any, Any] | None) -> tuple[Any, Any] | None:
    """A token may be older than the role that asks for a second factor. Raises `NotAllowed`."""
    if found and not request.path_info.startswith(OPEN):
        second_factor.demand(found[0])
    return found
