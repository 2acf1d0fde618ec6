"""The suppression list: how an address comes on it and off again."""

import logging
from collections.abc import Iterable, Mapping

from django.db import connection

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.audit import changes
from apps.audit import services as audit
from apps.channels.models import Channel
from apps.channels.providers.base import Refused, Result
from apps.core.db import chunks, transactional
from apps.core.errors import NotAllowed
from apps.delivery.models import Suppression
from apps.directory.models import ContactPoint

log = logging.getLogger(__name__)

#: What a final refusal says about the address itself, by the provider's reason in our words.
REASONS = {
    "no_such_address": Suppression.Reason.DEAD_ADDRESS,
    "no_such_number": Suppression.Reason.DEAD_ADDRESS,
    "opted_out": Suppression.Reason.OPTED_OUT,
}
ONCE = ["kind", "value", "reason"]


def learn(channel: Channel, results: Mapping[str, Result]) -> None:
    """What the provider's answers say of the addresses that were written to."""
    add(
        kind=channel.address_kind,
        refused={address: result.code for address, result in results.items() if isinstance(result, Refused)},
    )


def add(*, kind: str, refused: Mapping[str, str]) -> int:
    """Put the addresses on the list that a provider has refused for good for their own sake; how many those are.

    `refused` maps an address of this kind to the code of its refusal; other codes than those of `REASONS` say nothing
    about the address. One statement, and none if there is nothing; an address that is listed already stays as it is.
    """
    rows = [
        Suppression(kind=kind, value=address, reason=REASONS[code])
        for address, code in refused.items()
        if address and code in REASONS
    ]
    if rows:
        Suppression.objects.bulk_create(
            rows, update_conflicts=True, update_fields=["reason"], unique_fields=_conflict_target()
        )
        log.info("%d addresses (%s) are on the suppression list", len(rows), kind)
    return len(rows)


def _conflict_target() -> list[str] | None:
    """SQLite wants the columns of the constraint named, MariaDB refuses them."""
    return ONCE if connection.features.supports_update_conflicts_with_target else None


@transactional
def allow_again(row: Suppression, *, by: User) -> None:
    """A person says that the address may be written to. Raises `NotAllowed`: an address belongs to no one unit."""
    if not rights.can(by, Right.MANAGE_PEOPLE, None):
        raise NotAllowed()
    audit.record("allow", row, by=by, changes=changes.of_addresses(row, gone=True))
    row.delete()


def forget_dead(*, kind: str, values: Iterable[str]) -> int:
    """Somebody has entered these addresses: they are tried again. Who opted out stays on the list."""
    dead = Suppression.objects.filter(kind=kind, value__in=list(values), reason=Suppression.Reason.DEAD_ADDRESS)
    return dead.delete()[0]


def contact_entered(*, instance: ContactPoint, raw: bool = False, **_signal: object) -> None:
    """Before a contact point is saved. Of rows written in bulk `contacts_entered` tells."""
    known = ContactPoint.objects.filter(pk=instance.pk, kind=instance.kind, value=instance.value)
    if not raw and not (instance.pk and known.exists()):
        forget_dead(kind=instance.kind, values=[instance.value])


def contacts_entered(*, kind: str, values: Iterable[str], **_signal: object) -> None:
    """Contact points came in bulk: that signal of the directory."""
    for some in chunks(sorted(values)):
        forget_dead(kind=kind, values=some)
