"""Writing the audit log."""

from django.contrib.auth.models import AbstractBaseUser
from django.db import models

from apps.audit.models import Entry


def record(verb: str, target: models.Model, *, by: AbstractBaseUser | None, **details: object) -> Entry:
    """Note that `by` (None: the system itself) did `verb` to `target`, in the transaction of the act.

    `details` must hold neither secrets nor addresses.
    """
    return Entry.objects.create(
        actor_id=by.pk if by else None,
        actor_name=by.get_username() if by else "msgcenter",
        verb=verb,
        object_type=target._meta.label_lower,
        object_id=str(target.pk),
        object_name=str(target)[:200],
        details=details,
    )
