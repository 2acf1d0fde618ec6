"""Tokens of the API."""

from typing import Any

from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework.exceptions import AuthenticationFailed


class TokenAuthentication(KnoxAuthentication):
    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        """A token of ours is ASCII; knox would fail on other bytes rather than refuse them."""
        if not token.isascii():
            raise AuthenticationFailed(_("Invalid token."))
        return super().authenticate_credentials(token)
