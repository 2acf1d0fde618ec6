"""Writing the audit log. Nothing ever takes an entry out of it again."""

import logging
from collections.abc import Mapping, Sequence

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.utils import timezone

from apps.audit import chain, origin
from apps.audit.models import Entry, Head
from apps.core.db import transactional

log = logging.getLogger(__name__)


@transactional
def record(
    verb: str,
    target: models.Model,
    *,
    by: AbstractBaseUser | None,
    changes: Mapping[str, Sequence[object]] | None = None,
    **details: object,
) -> Entry:
    """Note that `by` (None: the system itself) did `verb` to `target`, in the transaction of the act.

    `changes` (field -> before and after) is as `changes.shown` or `changes.of_form` made it. `details` must hold no
    secrets and no addresses; the key of a school system that acts for `by` is added. Call it as the last thing the
    transaction does: until the commit nobody else can write to the log.
    """
    head, _new = Head.objects.select_for_update().get_or_create(pk=1)
    came = origin.current()
    if key := getattr(by, "api_key", None):
        details["key"] = str(key)
    entry = Entry(
        sequence=head.sequence + 1,
        previous=head.signature,
        at=timezone.now(),
        actor_id=by.pk if by else None,
        actor_name=by.get_username() if by else "msgcenter",
        door=came.door,
        address=came.address,
        verb=verb,
        object_type=target._meta.label_lower,
        object_id=str(target.pk),
        object_name=str(target)[:200],
        unit_id=unit_of(target),
        details=details | ({"changes": dict(changes)} if changes else {}),
    )
    entry.signature = chain.sign(entry)
    entry.save()
    Head.objects.filter(pk=head.pk).update(sequence=entry.sequence, signature=entry.signature)
    return entry


def unit_of(target: models.Model) -> int | None:
    """The org unit the object belongs to, if it belongs to one: whoever reads the log of a unit finds it there.

    Of somebody with two hats it is one of them.
    """
    if getattr(target, "unit_id", None):
        return target.unit_id
    rows = target._meta.model._base_manager.filter(pk=target.pk)
    for path in getattr(target, "unit_paths", ()):
        found = rows.filter(**{f"{path}__isnull": False}).order_by(path).values_list(path, flat=True).first()
        if found:
            return found
    return None


def note_newest() -> Head:
    """Tell the server's own log how far the audit log goes, for `verify_audit --known`."""
    head = Head.objects.get_or_create(pk=1)[0]
    log.info("the audit log stands at %s", head)
    return head
