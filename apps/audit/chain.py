"""The chain of the audit log: each entry signs itself, its place and the entry before it.

The key is derived from `SECRET_KEY`, so whoever can write to the database alone cannot forge an entry. What he can do
is cut off the newest ones together with the head; `verify` finds that only if it is told a signature from elsewhere,
which is why the newest is written to the ordinary log every hour (sweep `note_audit`).
"""

import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.crypto import salted_hmac

from apps.audit.models import FIRST, Entry, Head

SALT = "apps.audit.chain"
FIRST_NUMBER = 1


class Fault(StrEnum):
    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    #: Both are as they were written, but not one after the other: one of them is from another copy of the log.
    UNLINKED = "unlinked"
    #: Signed with a key that an entry before it shows to have been replaced: keys are never taken back.
    OLD_KEY = "old_key"


@dataclass(frozen=True, slots=True)
class Finding:
    """`sequence` is the place in the log, `entry_id` the row (None if it is gone)."""

    fault: Fault
    sequence: int
    entry_id: int | None = None


def sign(entry: Entry, *, key: str | None = None) -> str:
    """The signature over everything in the entry, its place and `previous`; 64 hexadecimal digits."""
    signed = [entry.sequence, entry.previous, entry.at.isoformat(), entry.actor_id, entry.actor_name, entry.door]
    signed += [entry.address, entry.verb, entry.object_type, entry.object_id, entry.object_name, entry.unit_id]
    text = json.dumps([*signed, entry.details], cls=DjangoJSONEncoder, sort_keys=True)
    return salted_hmac(SALT, text, secret=key or settings.SECRET_KEY, algorithm="sha256").hexdigest()


def signer(entry: Entry) -> int | None:
    """Whose signature it is: 0 the key of today, 1 the one before it (`SECRET_KEY_FALLBACKS`), …; None: nobody's."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    signed = (number for number, key in enumerate(keys) if hmac.compare_digest(sign(entry, key=key), entry.signature))
    return next(signed, None)


def verify(entries: Iterable[Entry], head: Head, *, known: tuple[int, str] | None = None) -> Iterator[Finding]:
    """Everything that is wrong with the log. `entries` come by sequence, all of them.

    `known` is the place and signature of an entry as it was noted outside of the database. What was written since the
    head was read goes on from there, and so is checked like the others: the head alone proves nothing.
    """
    last, signature, whole, oldest = 0, FIRST, True, len(settings.SECRET_KEY_FALLBACKS)
    for entry in entries:
        key = signer(entry)
        if entry.sequence < FIRST_NUMBER or (key is None and entry.sequence > head.sequence):
            yield Finding(Fault.INSERTED, entry.sequence, entry.pk)
            continue
        yield from _removed(last, entry.sequence)
        follows = entry.sequence > last + 1 or entry.previous == signature or not whole
        whole = key is not None
        if key is None:
            yield Finding(Fault.CHANGED, entry.sequence, entry.pk)
        elif not follows or (known and entry.sequence == known[0] and entry.signature != known[1]):
            yield Finding(Fault.UNLINKED, entry.sequence, entry.pk)
        elif key > oldest:
            yield Finding(Fault.OLD_KEY, entry.sequence, entry.pk)
        last, signature = entry.sequence, entry.signature
        oldest = oldest if key is None else min(oldest, key)
    yield from _removed(last, max(head.sequence, known[0] if known else 0) + 1)


def _removed(last: int, following: int) -> Iterator[Finding]:
    return (Finding(Fault.REMOVED, sequence) for sequence in range(last + 1, following))
