"""Rights for the layers below the one that knows roles: asked by Django's names, answered by the backends.

`user.has_perm("directory.change_person", person)` is one row's answer, `visible_to` that for many.
"""

from typing import TypeVar

from django.contrib.auth import get_backends
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

Rows = TypeVar("Rows", bound=QuerySet)


def visible_to(user: AbstractBaseUser, rows: Rows, permission: str) -> Rows:
    """Those of `rows` towards which some backend grants the user the permission (`app.action_model`)."""
    found = rows.none()
    for backend in get_backends():
        if hasattr(backend, "visible_to"):
            found = found | backend.visible_to(user, rows, permission)
    return found
