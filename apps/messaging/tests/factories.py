"""Messages for tests, written through the services as everybody else writes them."""

from dataclasses import dataclass
from itertools import count

from apps.accounts.models import User
from apps.accounts.tests import factories as accounts
from apps.channels.models import Channel
from apps.directory.models import OrgUnit
from apps.directory.tests import factories as directory
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


@dataclass(frozen=True, kw_only=True)
class House:
    """A school with two departments and a class, and those who try to do things with the messages of `department`."""

    school: OrgUnit
    department: OrgUnit
    other: OrgUnit
    room: OrgUnit
    #: Writes for `department`; so does the colleague. The stranger writes for `other`.
    author: User
    colleague: User
    stranger: User
    #: A student of the class, without a role.
    reader: User


def a_house() -> House:
    school = directory.a_school()
    department, other = directory.a_department(school), directory.a_department(school)
    room = directory.a_class(directory.a_unit(kind=OrgUnit.Kind.COLLEGE, parent=school))
    return House(
        school=school,
        department=department,
        other=other,
        room=room,
        author=accounts.an_author(department),
        colleague=accounts.an_author(department),
        stranger=accounts.an_author(other),
        reader=accounts.a_user(person=directory.a_person(room)),
    )
