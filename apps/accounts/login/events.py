"""What people do with their login, in the audit log; logins and logouts are in `apps/accounts/logins.py`."""

from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from apps.accounts.login import sessions
from apps.accounts.models import User
from apps.audit import services as audit


@receiver(user_logged_in, dispatch_uid="known_device")
def remember_device(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """`KnownDeviceMiddleware` gives the browser its cookie."""
    if request is not None:
        request.logged_in_user_id = user.pk


@receiver(password_changed, dispatch_uid="audit_password_changed")
def record_change(request: HttpRequest, user: User, **kwargs: Any) -> None:
    audit.record("change_password", user, by=user)
    sessions.end_all(user, by=user, keep=request.session.session_key)


@receiver(authenticator_added, dispatch_uid="audit_authenticator_added")
def record_added(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    audit.record("add_second_factor", user, by=user, type=authenticator.type)


@receiver(authenticator_removed, dispatch_uid="audit_authenticator_removed")
def record_removed(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    audit.record("remove_second_factor", user, by=user, type=authenticator.type)


@receiver(authenticator_reset, dispatch_uid="audit_authenticator_reset")
def record_reset(user: User, **kwargs: Any) -> None:
    audit.record("new_recovery_codes", user, by=user)
