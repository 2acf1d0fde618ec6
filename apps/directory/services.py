"""What changes in the directory."""

from collections.abc import Iterable

from apps.core.db import transactional
from apps.directory import contacts
from apps.directory.models import ContactPoint, Person


@transactional
def register_device(person: Person, token: str) -> ContactPoint:
    """Add a device of the campus app. A token belongs to whoever registered it last. Raises `InvalidInput`."""
    value = contacts.normalise(ContactPoint.Kind.DEVICE, token)
    ContactPoint.objects.filter(kind=ContactPoint.Kind.DEVICE, value=value).exclude(person=person).delete()
    return ContactPoint.objects.get_or_create(person=person, kind=ContactPoint.Kind.DEVICE, value=value)[0]


def remove_devices(tokens: Iterable[str]) -> int:
    """Forget devices whose push service says they are gone. Returns how many were known."""
    return ContactPoint.objects.filter(kind=ContactPoint.Kind.DEVICE, value__in=list(tokens)).delete()[0]
