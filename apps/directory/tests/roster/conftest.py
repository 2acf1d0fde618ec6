"""A small school, with whoever may or may not put rosters into it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.utils import translation

from apps.accounts.models import RoleAssignment, User
from apps.accounts.tests.factories import a_superuser, a_user, a_user_with, an_author
from apps.core import jobs
from apps.directory.models import OrgUnit
from apps.directory.tests.factories import a_class, a_school, a_unit

Kind = OrgUnit.Kind


@dataclass(frozen=True)
class School:
    school: OrgUnit
    college: OrgUnit
    other: OrgUnit
    room: OrgUnit
    second: OrgUnit
    foreign: OrgUnit
    office: OrgUnit
    #: Manages the people of `college`; the colleague there only writes, the stranger manages those of `other`.
    manager: User
    colleague: User
    stranger: User
    head: User
    recipient: User

    def user(self, name: str) -> User:
        return getattr(self, name)


@pytest.fixture
def school(db: None) -> School:
    top = a_school("示例学校")
    college = a_unit("信息学院", kind=Kind.COLLEGE, parent=top)
    other = a_unit("机电学院", kind=Kind.COLLEGE, parent=top)
    office = a_unit("教务处", kind=Kind.DEPARTMENT, parent=top)
    return School(
        school=top,
        college=college,
        other=other,
        room=a_class(college, "软件2401"),
        second=a_class(college, "软件2402"),
        foreign=a_class(other, "数控2401"),
        office=office,
        manager=a_user_with(RoleAssignment.Role.UNIT_MANAGER, college),
        colleague=an_author(college),
        stranger=a_user_with(RoleAssignment.Role.UNIT_MANAGER, other),
        head=a_superuser(),
        recipient=a_user(),
    )


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """(job, id) of what has been rung."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(jobs, "enqueue", lambda job, *args, lane: found.append((job, *args)))
    return found


@pytest.fixture(autouse=True)
def _in_the_language_of_the_school() -> Iterator[None]:
    with translation.override(settings.LANGUAGE_CODE):
        yield
