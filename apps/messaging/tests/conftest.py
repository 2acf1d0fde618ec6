"""A school with two departments and a class, and everybody who might touch a message."""

from dataclasses import dataclass
from importlib import import_module

import pytest
from django.apps import apps

from apps.accounts.models import User
from apps.accounts.tests.factories import a_superuser, a_user, an_administrator, an_approver, an_author
from apps.channels.models import Channel
from apps.core.tests.conftest import _no_rest_from_earlier_failures, broker_at, closed_url, silent_url
from apps.directory.models import OrgUnit, Person
from apps.directory.tests.factories import a_class, a_department, a_person, a_school

__all__ = ["_no_rest_from_earlier_failures", "broker_at", "closed_url", "silent_url"]


@dataclass(frozen=True)
class World:
    school: OrgUnit
    office: OrgUnit
    other_office: OrgUnit
    classroom: OrgUnit
    student: Person
    author: User
    approver: User
    administrator: User
    superuser: User
    stranger: User
    recipient: User

    def user(self, name: str) -> User:
        return getattr(self, name)


@pytest.fixture
def world(seeded: None) -> World:
    school = a_school("school")
    office, other_office = a_department(school, "office"), a_department(school, "other office")
    classroom = a_class(school, "class 1")
    student = a_person(classroom, name="student")
    return World(
        school=school,
        office=office,
        other_office=other_office,
        classroom=classroom,
        student=student,
        author=an_author(office, username="author"),
        approver=an_approver(office, username="approver"),
        administrator=an_administrator(office, username="administrator"),
        superuser=a_superuser(username="superuser"),
        stranger=an_administrator(other_office, username="stranger"),
        recipient=a_user("recipient", person=student),
    )


@pytest.fixture
def seeded(request: pytest.FixtureRequest) -> None:
    """The channels and message types of the migrations, which a test with real transactions leaves behind emptied."""
    request.getfixturevalue("transactional_db" if is_transactional(request) else "db")
    if not Channel.objects.exists():
        for migration in ("apps.channels.migrations.0002_seed_channels", "apps.messaging.migrations.0002_seed_types"):
            import_module(migration).seed(apps, None)


def is_transactional(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction"))
