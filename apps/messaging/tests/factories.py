"""Messages for tests, written through the services as everybody else writes them."""

from itertools import count

from apps.accounts.models import User
from apps.channels.models import Channel
from apps.directory.models import OrgUnit
from apps.messaging import services
from apps.messaging.drafts import Draft, Rule
from apps.messaging.models import Message, MessageType, Template

_numbers = count(1)


def a_draft(
    unit: OrgUnit, *, to: OrgUnit | None = None, channels: tuple[str, ...] = ("inbox",), **fields: object
) -> Draft:
    """A notice of `unit` to everybody of `to` (of the unit itself if not said). `fields` are those of `Draft`."""
    defaults: dict[str, object] = {
        "title": "Water off",
        "content": "No water on Friday.",
        "type": MessageType.objects.get(key="notice"),
        "rules": (Rule(unit=to or unit),),
    }
    chosen = tuple(Channel.objects.filter(key__in=channels))
    return Draft(unit=unit, channels=chosen, **defaults | fields)


def a_message(author: User, unit: OrgUnit, **fields: object) -> Message:
    """A draft in the database; see `a_draft` for `fields`. Its audience must not be empty."""
    return services.create(a_draft(unit, **fields), by=author)


def a_published_message(author: User, unit: OrgUnit, **fields: object) -> Message:
    return services.publish(a_message(author, unit, **fields), by=author)


def a_template(**fields: object) -> Template:
    defaults = {"name": f"template {next(_numbers)}", "title": "Exam of ((name))", "content": "Room ((room))"}
    return Template.objects.create(**{"type": MessageType.objects.get(key="exam"), **defaults, **fields})
