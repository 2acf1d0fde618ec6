"""Who asks for a roster import: somebody with a right, a school system with a key, or the operator of the server.

What a worker does for him later is asked again as he came.
"""

import getpass
import os
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Model
from django.utils.translation import gettext as _

from apps.core.errors import NotAllowed
from apps.core.permissions import mightier_people
from apps.directory.models import OrgUnit

RIGHT = "directory.change_person"


def check_right(by: AbstractBaseUser | None, unit: OrgUnit | None) -> None:
    """None is the operator of the server."""
    if by is not None and (unit is None or not by.has_perm(RIGHT, unit)):
        raise NotAllowed()


def operator(by: AbstractBaseUser | None) -> str:
    """The user of the operating system, if it is he who acts."""
    if by is not None:
        return ""
    try:
        return getpass.getuser()[:150]
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def named(operator_name: str) -> dict[str, str]:
    """For the audit log."""
    return {"operator": operator_name} if operator_name else {}


def check_there(user: AbstractBaseUser | None, operator_name: str) -> None:
    """What somebody has asked for whose login is gone meanwhile is not done as if the operator had. Raises
    `NotAllowed`."""
    if user is None and not operator_name:
        raise NotAllowed(_("Whoever asked for this has no login any more. Upload the file yourself."))


def key_of(by: AbstractBaseUser | None) -> Model | None:
    """The key of a school system by which he comes, if he comes by one."""
    return getattr(by, "api_key", None)


def as_he_came(by: AbstractBaseUser | None, key: Any) -> AbstractBaseUser | None:
    """For a worker: the user with the key he used. Raises `NotAllowed` if that opens nothing any more."""
    if key is not None and not key.is_valid:
        raise NotAllowed()
    if by is not None:
        by.api_key = key
    return by


def untouchable(by: AbstractBaseUser | None) -> frozenset[int]:
    """Ids of the people whose addresses and state a roster of his leaves alone: he could get at their logins."""
    return frozenset() if by is None else frozenset(mightier_people(by))
