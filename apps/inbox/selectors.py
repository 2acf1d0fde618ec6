"""What a person finds in the inbox."""

from django.db.models import QuerySet

from apps.core.errors import NotFound
from apps.delivery.models import Recipient
from apps.directory.models import Person
from apps.messaging.states import Status


def entries(person: Person) -> QuerySet[Recipient]:
    """Everything the person has received, newest first; what was recalled is no longer there."""
    return (
        Recipient.objects.filter(person=person)
        .exclude(message__status=Status.RECALLED)
        .select_related("message__type", "message__unit")
        .order_by("-pk")
    )


def entry(person: Person, entry_id: int) -> Recipient:
    """Raises `NotFound` for somebody else's entry as for none."""
    found = entries(person).filter(pk=entry_id).first()
    if found is None:
        raise NotFound()
    return found
