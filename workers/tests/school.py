"""A small school and messages for it, made in a few statements."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from apps.accounts.models import User
from apps.channels.models import Channel
from apps.directory.models import ContactPoint, Membership, OrgUnit, Person
from apps.messaging import services as messaging
from apps.messaging.drafts import Draft, Rule
from apps.messaging.models import Message, MessageType

BATCH = 5000
EMAIL, MOBILE, DEVICE = ContactPoint.Kind.EMAIL, ContactPoint.Kind.MOBILE, ContactPoint.Kind.DEVICE


def enrol(count: int, *, unit: OrgUnit | None = None) -> list[Person]:
    """`count` students of one class, each with an e-mail address, a mobile number and a device."""
    unit = unit or OrgUnit.objects.get_or_create(name="class", kind=OrgUnit.Kind.CLASS)[0]
    before = Person.objects.count()
    Person.objects.bulk_create(
        (
            Person(name=f"学生{number}", kind=Person.Kind.STUDENT, number=f"S{number:06}")
            for number in range(before, before + count)
        ),
        batch_size=BATCH,
    )
    people = list(Person.objects.order_by("pk")[before:])
    Membership.objects.bulk_create((Membership(person=person, unit=unit) for person in people), batch_size=BATCH)
    points = (
        point
        for number, person in enumerate(people, start=before)
        for point in (
            ContactPoint(person=person, kind=EMAIL, value=f"s{number}@stu.school.example"),
            ContactPoint(person=person, kind=MOBILE, value=f"+1{200 + number // 100}555{number % 100:04}"),
            ContactPoint(person=person, kind=DEVICE, value=f"device-{number}"),
        )
    )
    ContactPoint.objects.bulk_create(points, batch_size=BATCH)
    return people


def write(
    *,
    channels: Sequence[str] = ("inbox", "email"),
    title: str = "Exam",
    content: str = "Hello ((name))",
    unit: OrgUnit | None = None,
    rows: Mapping[int, Mapping[str, str]] | None = None,
    publish_at: datetime | None = None,
    expires_at: datetime | None = None,
    urgency: str = "general",
) -> Message:
    """A draft to everybody of the class, or to the people in `rows`."""
    unit = unit or OrgUnit.objects.get_or_create(name="class", kind=OrgUnit.Kind.CLASS)[0]
    draft = Draft(
        title=title,
        content=content,
        type=MessageType.objects.get(key="notice"),
        unit=unit,
        urgency=urgency,
        channels=tuple(Channel.objects.filter(key__in=channels)),
        publish_at=publish_at,
        expires_at=expires_at,
        rules=(Rule(uploaded=True) if rows else Rule(unit=unit),),
        rows=rows or {},
    )
    return messaging.create(draft, by=root())


def publish(**options: object) -> Message:
    return messaging.publish(write(**options), by=root())


def root() -> User:
    return User.objects.filter(is_superuser=True).first() or User.objects.create(username="root", is_superuser=True)
