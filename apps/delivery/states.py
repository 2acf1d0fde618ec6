"""The states of a delivery and the ways between them, as data."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    WAITING = "waiting", _("waiting")
    QUEUED = "queued", _("queued")
    CLAIMED = "claimed", _("claimed")
    SENDING = "sending", _("sending")
    UNKNOWN = "unknown", _("unknown")
    ACCEPTED = "accepted", _("accepted")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    EXPIRED = "expired", _("expired")
    SUPPRESSED = "suppressed", _("suppressed")


#: Nothing more is owed to these rows; only newer evidence (a receipt) may still move some of them.
SETTLED = frozenset(
    {Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED}
)
#: Certainly not handed over: a recall or an expiry may still take these back.
RETRACTABLE = frozenset({Status.WAITING, Status.QUEUED, Status.CLAIMED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.QUEUED, Status.CANCELLED, Status.EXPIRED}),
    Status.QUEUED: frozenset({Status.CLAIMED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED}),
    Status.CLAIMED: frozenset({Status.SENDING, Status.QUEUED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED}),
    Status.SENDING: frozenset({Status.ACCEPTED, Status.WAITING, Status.FAILED, Status.UNKNOWN}),
    Status.UNKNOWN: frozenset({Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.WAITING}),
    Status.ACCEPTED: frozenset({Status.DELIVERED, Status.FAILED}),
    Status.DELIVERED: frozenset({Status.FAILED}),
    # Waiting again by a person only, where nobody ever confirmed it.
    Status.FAILED: frozenset({Status.DELIVERED, Status.WAITING}),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.SUPPRESSED: frozenset(),
}


def may_follow(before: Status, after: Status) -> bool:
    return after in TRANSITIONS[before]
