"""Who asks the API: tokens, and the sessions of our own pages."""

from typing import Any

from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts.login import second_factor

#: What somebody may do who still has to set up his second factor.
OPEN = ("/api/v1/inbox", "/api/v1/devices", "/api/v1/logout")


class TokenAuthentication(KnoxAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        return _with_second_factor(request, super().authenticate(request))

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        """A token of ours is ASCII; knox would fail on other bytes rather than refuse them."""
        if not token.isascii():
            raise AuthenticationFailed(_("Invalid token."))
        return super().authenticate_credentials(token)


class SessionAuthentication(authentication.SessionAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        return _with_second_factor(request, super().authenticate(request))


def _with_second_factor(request: Request, found: tuple[Any, Any] | None) -> tuple[Any, Any] | None:
    """A token may be older than the role that asks for a second factor. Raises `NotAllowed`."""
    if found and not request.path_info.startswith(OPEN):
        second_factor.demand(found[0])
    return found
