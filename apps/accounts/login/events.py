"""What a login sets off; that it is in the audit log is in `apps/accounts/logins.py`."""

from typing import Any

from allauth.account.authentication import get_authentication_records
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from apps.accounts.models import User


@receiver(user_logged_in, dispatch_uid="known_device")
def remember_device(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """`KnownDeviceMiddleware` gives the browser its cookie. The name was typed some requests ago, before the code."""
    if request is not None:
        typed = [one["username"] for one in get_authentication_records(request, user) if "username" in one]
        request.known_login = user.pk, typed[-1] if typed else user.get_username()
