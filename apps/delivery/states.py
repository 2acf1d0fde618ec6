"""The states of a delivery and the ways between them, as data."""

import enum

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

#: By a receipt for an earlier attempt: what stands before its repetition has arrived after all and is not sent again.
ARRIVED = frozenset({Status.ACCEPTED, Status.DELIVERED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.QUEUED, Status.CANCELLED, Status.EXPIRED}) | ARRIVED,
    Status.QUEUED: frozenset({Status.CLAIMED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED}) | ARRIVED,
    Status.CLAIMED: frozenset({Status.SENDING, Status.QUEUED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED})
    | ARRIVED,
    Status.SENDING: frozenset({Status.ACCEPTED, Status.WAITING, Status.FAILED, Status.UNKNOWN}),
    Status.UNKNOWN: frozenset({Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.WAITING}),
    Status.ACCEPTED: frozenset({Status.DELIVERED, Status.FAILED}),
    Status.DELIVERED: frozenset(),
    # Accepted, or sent again by a person, only where it had failed as `unconfirmed`: nobody had known anything then.
    Status.FAILED: frozenset({Status.ACCEPTED, Status.DELIVERED, Status.WAITING}),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.SUPPRESSED: frozenset(),
}


def may_follow(before: Status, after: Status) -> bool:
    return after in TRANSITIONS[before]


#: The reason of rows that failed because nobody could say what had become of them.
UNCONFIRMED = "unconfirmed"


class Verdict(enum.Enum):
    """What a piece of evidence means for a row."""

    MOVES = "moves"
    SAYS_NOTHING_NEW = "says nothing new"
    #: The row is on its way somewhere, and only then can be told.
    TOO_EARLY = "too early"


def weigh(evidence: Status, *, attempt: int, status: Status, reason: str, attempts: int) -> Verdict:
    """What `evidence` of `attempt` means for a row that stands in `status` after so many `attempts`.

    The evidence has a rank, accepted < failed < delivered, so that all of it together comes to the same end in every
    order. A failure speaks of its own attempt only, an arrival of the person, whichever attempt it was.
    """
    if not 0 < attempt <= attempts or (evidence is Status.FAILED and attempt < attempts):
        return Verdict.SAYS_NOTHING_NEW
    if status is Status.SENDING:
        return Verdict.TOO_EARLY
    if evidence is Status.FAILED and status in RETRACTABLE:
        # Sent again, this is an old failure; settled by an arrival before that, it still outranks `accepted`.
        return Verdict.TOO_EARLY
    if evidence is not Status.DELIVERED and status is Status.FAILED:
        return Verdict.MOVES if reason == UNCONFIRMED else Verdict.SAYS_NOTHING_NEW
    return Verdict.MOVES if may_follow(status, evidence) else Verdict.SAYS_NOTHING_NEW
