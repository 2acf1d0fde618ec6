"""Doing once what a client asks for several times.

The key's row is committed before the act, so that of parallel requests one acts and the others are told to wait. The
act and its answer are committed together: a process that dies in between has done nothing, and a later request takes
the key over. If the first was only slow, its own commit finds the claim gone and undoes itself.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.db import transactional
from apps.core.errors import Conflict, InvalidInput
from apps.messaging.models import IdempotencyKey

KEPT = timedelta(hours=24)
#: How long a request may take before another one with the same key takes over.
PATIENCE = timedelta(minutes=2)
MAX_KEY = 255
HEADER = "Idempotency-Key"


class KeyReused(Conflict):
    code = "idempotency_key_reused"
    status = 422


class InProgress(Conflict):
    code = "in_progress"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


def once(act: Callable[[], Answer], *, by: User, key: str | None, fingerprint: str) -> Answer:
    """Do `act`, or answer as it was answered before. An act that raises leaves nothing, and its key may be used again.

    Raises `InvalidInput` for a key that is none, `KeyReused`, or `InProgress`.
    """
    if key is None:
        return act()
    if not (key and len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise InvalidInput(_("A key has 1 to 255 printable ASCII characters."), field=HEADER)
    claim = secrets.token_hex(16)
    row = _claim(by, key, fingerprint, claim)
    if row.status is not None:
        return Answer(row.status, row.body)
    try:
        return _do(act, row)
    except BaseException:
        IdempotencyKey.objects.filter(pk=row.pk, claim=claim, status=None).delete()
        raise


def forget_old() -> int:
    """Delete keys that nobody will send again. Returns how many."""
    return IdempotencyKey.objects.filter(created_at__lt=Now() - KEPT).delete()[0]


@transactional
def _do(act: Callable[[], Answer], row: IdempotencyKey) -> Answer:
    answer = act()
    own = IdempotencyKey.objects.filter(pk=row.pk, claim=row.claim, status=None)
    if not own.update(status=answer.status, body=answer.body):
        raise InProgress(_("Another request with this key has taken over."))
    return answer


def _claim(by: User, key: str, fingerprint: str, claim: str) -> IdempotencyKey:
    """Our own row, without a status, or the one of a request that is done."""
    fields = {"fingerprint": fingerprint, "claim": claim, "claimed_at": Now(), "created_at": Now()}
    IdempotencyKey.objects.filter(user=by, key=key, created_at__lt=Now() - KEPT).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(user=by, key=key, **fields)
    except IntegrityError:
        found = IdempotencyKey.objects.filter(user=by, key=key).first()
    if found is None:
        # Its request failed just now and gave the key back.
        raise InProgress(_("A request with this key has just failed; send it again."))
    if found.fingerprint != fingerprint:
        raise KeyReused(_("This key was used for another request."), field=HEADER)
    return found if found.status is not None else _take_over(found, claim)


def _take_over(found: IdempotencyKey, claim: str) -> IdempotencyKey:
    stale = IdempotencyKey.objects.filter(pk=found.pk, claim=found.claim, status=None, claimed_at__lt=Now() - PATIENCE)
    if not stale.update(claim=claim, claimed_at=Now()):
        raise InProgress(_("A request with this key is being worked on; ask again in a moment."))
    found.claim = claim
    return found
