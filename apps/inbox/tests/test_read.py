"""Opening a message is noted once, for the one who opened it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.tests.factories import a_superuser
from apps.delivery.models import Recipient
from apps.directory.models import Person
from apps.directory.tests.factories import a_person, a_unit
from apps.inbox import services as inbox
from apps.messaging.models import Message
from apps.messaging.tests.factories import a_message

pytestmark = pytest.mark.django_db


def an_entry(message: Message, person: Person) -> Recipient:
    return Recipient.objects.create(message=message, person=person, created_at=timezone.now())


def test_first_opening_is_noted_and_no_other_entry_touched() -> None:
    unit = a_unit()
    one, other = a_person(unit), a_person(unit)
    message = a_message(a_superuser(), unit)
    entry, neighbour = an_entry(message, one), an_entry(message, other)
    inbox.read(entry)
    entry.refresh_from_db()
    neighbour.refresh_from_db()
    assert abs(entry.read_at - timezone.now()) < timedelta(seconds=30)
    assert neighbour.read_at is None


def test_second_opening_keeps_the_time_of_the_first() -> None:
    unit = a_unit()
    person = a_person(unit)
    entry = an_entry(a_message(a_superuser(), unit), person)
    first = timezone.now() - timedelta(days=1)
    Recipient.objects.update(read_at=first)
    inbox.read(entry)
    entry.refresh_from_db()
    assert entry.read_at == first
