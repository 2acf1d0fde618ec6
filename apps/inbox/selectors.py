"""What a person finds in the inbox."""

from dataclasses import dataclass

from django.db.models import QuerySet

from apps.core.errors import NotFound
from apps.delivery.models import Recipient
from apps.directory.models import Person
from apps.messaging.rendering import PLACEHOLDER
from apps.messaging.states import Status


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as one recipient reads it: plain text, to be escaped by whoever shows it."""

    title: str
    body: str


def entries(person: Person) -> QuerySet[Recipient]:
    """Everything the person has received, newest first; what was recalled is no longer there, and what a test key has
    sent never is."""
    return (
        Recipient.objects.filter(person=person, message__sandboxed=False)
        .exclude(message__status=Status.RECALLED)
        .select_related("message__type", "message__unit", "person")
        .order_by("-pk")
    )


def unread(person: Person) -> QuerySet[Recipient]:
    return entries(person).filter(read_at__isnull=True)


def entry(person: Person, entry_id: int) -> Recipient:
    """Raises `NotFound` for somebody else's entry as for none."""
    found = entries(person).filter(pk=entry_id).first()
    if found is None:
        raise NotFound()
    return found


def rendered(entry: Recipient) -> Rendered:
    """The message with this recipient's values. A placeholder without a value stands as it was written: on every other
    channel such a message fails, but in the inbox the reader must not lose the rest of the text."""
    values = entry.placeholder_values

    def fill(text: str) -> str:
        return PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)

    return Rendered(title=fill(entry.message.title), body=fill(entry.message.content))
