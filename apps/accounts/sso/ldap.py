"""Passwords of the school's LDAP directory (django-auth-ldap), asked at the same door with the same limits."""

from typing import Any, ClassVar

import ldap
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django_auth_ldap import backend

from apps.accounts.login.backend import Gate
from apps.accounts.models import User
from apps.accounts.sso import people
from apps.core.errors import NotAllowed

#: Seconds: whoever logs in waits for it.
TIMEOUT = 5


class LDAPBackend(Gate, backend.LDAPBackend):
    default_settings: ClassVar[dict[str, Any]] = {
        "CONNECTION_OPTIONS": {ldap.OPT_NETWORK_TIMEOUT: TIMEOUT, ldap.OPT_TIMEOUT: TIMEOUT, ldap.OPT_REFERRALS: 0},
    }

    def get_or_build_user(self, username: str, ldap_user: backend._LDAPUser) -> tuple[User, bool]:
        """By the number that the directory has of him. It gives no rights and changes no data."""
        numbers = ldap_user.attrs.get(settings.LDAP_NUMBER_ATTRIBUTE) or [None]
        try:
            return people.user_of(numbers[0]), False
        except NotAllowed as error:
            raise PermissionDenied(error.detail) from error
