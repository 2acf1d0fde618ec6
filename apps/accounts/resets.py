"""A new password for somebody who has forgotten his: by a link in a mail, or by a code to his mobile.

Whoever asks for a name that nobody has sees the same. The second factor stays as it is.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import default_token_generator
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from apps.accounts import codes, contacts, letters, limits, names, registration
from apps.accounts.login import sessions
from apps.accounts.models import Challenge, Letter, User
from apps.audit import services as audit
from apps.core.db import transactional
from apps.directory.models import ContactPoint

Kind = ContactPoint.Kind
#: Stand in the address where the user's id and the token come.
UID, TOKEN = "UID", "TOKEN"


def ask(name: str, via: str, *, network: str, address: str, device: str | None = None) -> Challenge | None:
    """Send a code (the answer) or a link (None) to whoever has this user name or number. Raises `TooMany`.

    `address` is that of the page the link leads to, with `UID` and `TOKEN` in it; `device` one that knows the user.
    """
    user = names.user_of(name)
    who = names.subject(user.pk if user else None, name)
    limits.take_letter("reset", who, network=network, device=device)
    contact_point = contacts.of(user.person, via) if user and user.may_log_in else None
    if via == Kind.MOBILE:
        return codes.send(Challenge.Purpose.RESET, contact_point, via=via)
    link = _link(user, address) if user and contact_point else ""
    expires_at = timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    letters.write(Letter.Kind.RESET_LINK, contact_point, link, via=via, expires_at=expires_at)
    return None


def redeem(challenge: Challenge, code: str, *, name: str, password: str, network: str) -> User | None:
    """The login with its new password; None if the code is wrong, used or too old.

    Raises `InvalidInput` for a weak password, before the code is looked at, or `TooMany`.
    """
    registration.checked(password, User(username=name))
    return codes.counted(network, lambda: _redeem(challenge, code, make_password(password)))


@transactional
def _redeem(challenge: Challenge, code: str, hashed: str) -> User | None:
    if not codes.redeem(challenge, code):
        return None
    user = User.objects.filter(person=challenge.person).select_related("person").first()
    return _reset(user, hashed) if user and user.may_log_in else None


def reset(user: User, password: str) -> User:
    """A new password; whoever is logged in with the old one is so no longer."""
    return _reset(user, make_password(password))


@transactional
def _reset(user: User, hashed: str) -> User:
    user.password = hashed
    user.save(update_fields=["password"])
    user.end_proofs()
    audit.record("reset_password", user, by=user)
    sessions.end_all(user, by=user)
    return user


def _link(user: User, address: str) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return address.replace(UID, uid).replace(TOKEN, default_token_generator.make_token(user))
