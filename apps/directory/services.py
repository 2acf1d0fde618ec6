"""What changes in the directory."""

from collections.abc import Iterable

from apps.core.db import transactional
from apps.directory import contacts
from apps.directory.models import ContactPoint, Person

#: A push is one call per device, within the time of one delivery.
MOST_DEVICES = 10


@transactional
def register_device(person: Person, token: str) -> ContactPoint:
    """Add a device of the campus app. A token belongs to whoever registered it last, and of a person's devices the
    newest are kept. Raises `InvalidInput`.
    """
    value = contacts.normalise(ContactPoint.Kind.DEVICE, token)
    devices = ContactPoint.objects.filter(kind=ContactPoint.Kind.DEVICE)
    devices.filter(value=value).exclude(person=person).delete()
    device, created = ContactPoint.objects.get_or_create(person=person, kind=ContactPoint.Kind.DEVICE, value=value)
    if created:
        newest = devices.filter(person=person).order_by("-pk").values_list("pk", flat=True)[:MOST_DEVICES]
        devices.filter(person=person).exclude(pk__in=list(newest)).delete()
    return device


def remove_devices(tokens: Iterable[str]) -> int:
    """Forget devices whose push service says they are gone. Returns how many were known."""
    return ContactPoint.objects.filter(kind=ContactPoint.Kind.DEVICE, value__in=list(tokens)).delete()[0]
