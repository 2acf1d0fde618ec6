"""What a login sets off; that it is in the audit log is in `apps/accounts/logins.py`."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from apps.accounts.models import User


@receiver(user_logged_in, dispatch_uid="known_device")
def remember_device(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """`KnownDeviceMiddleware` gives the browser its cookie."""
    if request is not None:
        request.logged_in_user_id = user.pk
