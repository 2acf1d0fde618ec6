"""What allauth asks us."""

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from encrypted_fields.fields import EncryptedTextField

from apps.accounts.login import passwords, second_factor
from apps.accounts.models import User
from apps.audit import origin

#: Whoever has just logged in or out sees it.
UNSAID = {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: by invitation, or with a code to a contact point on the roster (`registration.py`)."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: str) -> AbstractBaseUser | None:
        return passwords.authenticate(
            request, username=credentials.get("username", ""), password=credentials["password"]
        )

    def get_client_ip(self, request: HttpRequest) -> str:
        """As far as our own proxies tell it; where there is none (a socket), the address that means none."""
        return origin.client_address(request) or "0.0.0.0"

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Not of whoever has logged in a moment ago."""
        records = get_authentication_records(self.request, self.request.user)
        if records and time.time() - records[-1]["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
            return False
        return super().is_reauthentication_required(app=app)

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mail leaves by the school's own channels alone (`letters.py`)."""
        raise NotImplementedError(template_prefix)


class MFAAdapter(DefaultMFAAdapter):
    #: Secrets are kept as provider settings are.
    cipher = EncryptedTextField()

    def encrypt(self, text: str) -> str:
        return self.cipher.f.encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self.cipher.f.decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not second_factor.required(authenticator.user)

    def get_totp_label(self, user: User) -> str:
        return user.get_username()
