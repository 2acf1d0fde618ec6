"""The devices on which a person reads the campus app."""

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import NotAllowed, NotFound
from apps.directory import services as directory
from apps.directory.models import ContactPoint, Person


def person_of(user: User) -> Person:
    """Raises `NotAllowed` for a login that belongs to no person of the directory."""
    if user.person is None:
        raise NotAllowed(_("This login belongs to nobody in the directory."), code="no_person")
    return user.person


@transactional
def register(user: User, token: str) -> ContactPoint:
    """Push goes to this device from now on. Raises `InvalidInput` or `NotAllowed`."""
    device = directory.register_device(person_of(user), token)
    audit.record("register_device", device, by=user)
    return device


@transactional
def remove(user: User, token: str) -> None:
    """Raises `NotFound` for a device that is not the user's own."""
    device = ContactPoint.objects.filter(person=person_of(user), kind=ContactPoint.Kind.DEVICE, value=token).first()
    if device is None:
        raise NotFound()
    audit.record("remove_device", device, by=user)
    device.delete()
