"""A link to somebody's contact point with which he makes himself a login. It grants no right."""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import letters, names, registration, rights
from apps.accounts.models import Invitation, Letter, User
from apps.accounts.rights import Right
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import Conflict, InvalidInput, NotFound
from apps.directory.models import ContactPoint, Person

VALID = timedelta(days=7)
#: Stands in the address where the token comes.
TOKEN = "TOKEN"


@transactional
def invite(person: Person, contact_point: ContactPoint, *, by: User, address: str) -> Invitation:
    """Send a link to one of the person's contact points; `address` is that of our page, with `TOKEN` in it.

    An older invitation of the person ends. Raises `NotFound`, `InvalidInput` or `Conflict`.
    """
    check(person, contact_point, by=by)
    now, token = timezone.now(), secrets.token_urlsafe(32)
    _open().filter(person=person).update(withdrawn_at=now)
    invitation = Invitation.objects.create(
        person=person, contact_point=contact_point, digest=_digest(token), invited_by=by, expires_at=now + VALID
    )
    link = address.replace(TOKEN, token)
    letters.write(Letter.Kind.INVITATION, contact_point, link, via=contact_point.kind, expires_at=invitation.expires_at)
    audit.record("invite", invitation, by=by)
    return invitation


def check(person: Person, contact_point: ContactPoint, *, by: User) -> None:
    """Whether `invite` would do it. Raises what it would raise."""
    if not rights.can(by, Right.MANAGE_PEOPLE, person):
        raise NotFound()
    if contact_point.person_id != person.pk or contact_point.kind not in letters.LANES:
        raise InvalidInput(_("Choose an e-mail address or mobile number of this person."), field="contact_point")
    if User.objects.filter(person=person).exists():
        raise Conflict(_("This person has a login already."), code="login_exists")


@transactional
def withdraw(invitation: Invitation, *, by: User) -> None:
    """The link opens nothing any more. Raises `NotFound` or `Conflict`."""
    if not rights.can(by, Right.MANAGE_PEOPLE, invitation.person):
        raise NotFound()
    if not _open().filter(pk=invitation.pk).update(withdrawn_at=timezone.now()):
        raise Conflict(_("This invitation is accepted, withdrawn or over already."))
    audit.record("withdraw", invitation, by=by)


def find(token: str) -> Invitation:
    """Raises `NotFound` for anything but an invitation that can be accepted now."""
    found = _open().filter(digest=_digest(token)).select_related("person", "contact_point").first()
    if found is None:
        raise NotFound(_("This invitation has been used or withdrawn, or it is too old. Ask for another."))
    return found


def accept(token: str, *, username: str, password: str) -> User:
    """The new login. Raises `NotFound`, `InvalidInput` or `Conflict`, and then the invitation stays."""
    name = find(token).person.number or username
    registration.checked(password, User(username=name))
    return _accept(token, name, make_password(password))


@transactional
def _accept(token: str, name: str, hashed: str) -> User:
    invitation = find(token)
    if not _open().filter(pk=invitation.pk).update(accepted_at=timezone.now()):
        raise NotFound()
    try:
        user = registration.create(invitation.person, name, hashed, proved=invitation.contact_point)
    except IntegrityError:
        raise names.taken() from None
    audit.record("accept_invitation", invitation, by=user)
    return user


def _open() -> QuerySet[Invitation]:
    now = timezone.now()
    return Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=now)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
