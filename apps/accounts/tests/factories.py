"""Users for tests, each with a role or none. Without `password` nobody can log in: hashing one takes its time."""

from itertools import count

from knox.models import get_token_model
from rest_framework.test import APIClient

from apps.accounts.models import RoleAssignment, User
from apps.directory.models import OrgUnit, Person

Role = RoleAssignment.Role
_numbers = count(1)


def a_user(username: str = "", *, person: Person | None = None, password: str | None = None, **fields: bool) -> User:
    name = username or f"user{next(_numbers)}"
    return User.objects.create_user(name, password=password, person=person, **fields)


def an_author(unit: OrgUnit, **fields: object) -> User:
    return a_user_with(Role.AUTHOR, unit, **fields)


def an_approver(unit: OrgUnit, **fields: object) -> User:
    return a_user_with(Role.APPROVER, unit, **fields)


def an_administrator(unit: OrgUnit, **fields: object) -> User:
    return a_user_with(Role.ADMINISTRATOR, unit, **fields)


def a_superuser(**fields: object) -> User:
    return a_user(is_staff=True, is_superuser=True, **fields)


def a_user_with(role: str, unit: OrgUnit, **fields: object) -> User:
    user = a_user(**fields)
    RoleAssignment.objects.create(user=user, unit=unit, role=role)
    return user


def a_client(user: User | None = None) -> APIClient:
    """A client of the API that carries a real token of `user` (nobody's without one). A crash comes as its answer."""
    client = APIClient(raise_request_exception=False)
    if user:
        _row, token = get_token_model().objects.create(user=user)
        client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def with_key(token: str) -> APIClient:
    """A client of the API that carries an API key."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client
