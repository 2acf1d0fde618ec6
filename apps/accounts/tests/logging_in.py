"""Logging in as a person does, for tests."""

import time
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from apps.accounts.models import Letter, User

PASSWORD = "correct horse battery"
WRONG = "wrong horse battery"
ELSEWHERE = "203.0.113.9"


def log_in(client: Client, username: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/login", {"login": username, "password": password, **more.pop("form", {})}, **more)


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def a_second_factor(user: User) -> str:
    """Set one up; the answer is its secret."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    return secret


def recovery_codes(user: User) -> list[str]:
    return RecoveryCodes.activate(user).get_unused_codes()


def code_of(secret: str, *, later: int = 0) -> str:
    """What the app shows now, or so many periods later."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + later))


def last_secret() -> str:
    """The code or link in the newest letter, which has not left yet."""
    return Letter.objects.latest("pk").secret
