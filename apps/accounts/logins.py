"""Logins and logouts, by page, admin or API, in the audit log."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from apps.accounts.models import User
from apps.audit import services as audit

MAX_NAME = 150


@receiver(user_logged_in, dispatch_uid="audit_login")
def record_login(user: User, **kwargs: Any) -> None:
    audit.record("login", user, by=user)


@receiver(user_logged_out, dispatch_uid="audit_logout")
def record_logout(user: User | None, **kwargs: Any) -> None:
    if user is not None:
        audit.record("logout", user, by=user)


@receiver(user_login_failed, dispatch_uid="audit_login_failed")
def record_failure(credentials: dict[str, Any], **kwargs: Any) -> None:
    """The name as it was tried: a typing error shows, and so does somebody who tries one name after the other."""
    tried = str(credentials.get("username", ""))[:MAX_NAME]
    name = "".join(character for character in tried if character.isprintable())
    audit.record("login_failed", User.objects.filter(username=name).first() or User(pk=0, username=name), by=None)
