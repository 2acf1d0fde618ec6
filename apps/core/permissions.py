"""Rights for the layers below the one that knows roles: asked by Django's names, answered by the backends.

`user.has_perm("directory.change_person", person)` is one row's answer, `visible_to` that for many. Only backends that
can answer for many rows are asked at all: groups and user permissions of Django are no second way to a right.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.contrib.auth import get_backends
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Model, QuerySet

Rows = TypeVar("Rows", bound=QuerySet)


def remember(user: Any) -> None:
    """For the time of one request: a page of the admin asks a hundred times what its reader may at all."""
    if getattr(user, "remembered", None) is None:
        user.remembered = {}


def granted(user: AbstractBaseUser, permission: str, obj: Model | None = None) -> bool:
    """Whether the user has the permission towards `obj`; without one, towards anything at all."""
    return any(backend.has_perm(user, permission, obj) for backend in _granting())


def module_granted(user: AbstractBaseUser, app_label: str) -> bool:
    """Whether the user has any permission of the app; of `admin`, whether there is anything for him in the admin."""
    return any(backend.has_module_perms(user, app_label) for backend in _granting())


def everywhere(user: AbstractBaseUser, permission: str) -> bool:
    """Whether the user has the permission in the whole school."""
    return any(backend.everywhere(user, permission) for backend in _granting())


def visible_to(user: AbstractBaseUser, rows: Rows, permission: str) -> Rows:
    """Those of `rows` towards which some backend grants the user the permission (`app.action_model`)."""
    found = rows.none()
    for backend in _granting():
        found = found | backend.visible_to(user, rows, permission)
    return found


def mightier_people(user: AbstractBaseUser) -> set[int]:
    """Ids of the people whose logins hold more than the user does; who sets where their codes go could be them."""
    return set().union(*(backend.mightier_people(user) for backend in _granting()))


def _granting() -> Iterator[Any]:
    return (backend for backend in get_backends() if hasattr(backend, "visible_to"))
