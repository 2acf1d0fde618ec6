"""Reading messages. Everything a person may see goes through `visible_to`."""

from django.db.models import QuerySet

from apps.accounts import rights
from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.messaging.models import Message


def visible_to(user: User) -> QuerySet[Message]:
    """The messages of the units in which the user holds a role."""
    return Message.objects.filter(unit__in=rights.visible_units(user)).select_related("type", "unit", "author")


def get(user: User, message_id: int) -> Message:
    """Raises `NotFound` for a foreign message as for one that never was."""
    message = visible_to(user).filter(pk=message_id).first()
    if message is None:
        raise NotFound()
    return message
