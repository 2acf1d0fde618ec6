"""A school with two departments and a class, and everybody who might touch a message."""

from dataclasses import dataclass

import pytest

from apps.accounts.models import User
from apps.accounts.tests.factories import a_superuser, a_user, an_administrator, an_approver, an_author
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
def world(request: pytest.FixtureRequest) -> World:
    request.getfixturevalue("transactional_db" if is_transactional(request) else "db")
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


def is_transactional(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction"))
