"""A school with two departments, their people, and a client for each."""

from dataclasses import dataclass

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.accounts.tests import factories as accounts
from apps.directory.models import OrgUnit
from apps.directory.tests import factories as directory


@dataclass
class Department:
    unit: OrgUnit
    author: User

    @property
    def page(self) -> Client:
        return client_of(self.author)


@dataclass
class School:
    unit: OrgUnit
    classes: list[OrgUnit]
    academic: Department
    logistics: Department


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_department(school: OrgUnit, name: str) -> Department:
    unit = directory.a_department(school, name)
    return Department(unit, accounts.an_author(unit))


@pytest.fixture
def school(db: None) -> School:
    unit = directory.a_school("示例学校")
    classes = [directory.a_class(unit, name, students=2) for name in ("软件2401班", "护理2402班")]
    return School(unit, classes, a_department(unit, "教务处"), a_department(unit, "后勤处"))
