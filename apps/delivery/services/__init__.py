"""The dispatch state machine. Nothing else in the house writes `Delivery.status`.

Every change is one conditional UPDATE that names the state it starts from and, after the claim, the lease: a writer
that comes too late changes nothing. The counters of the message channel and the log of attempts move in the same
transaction.

A delivery is born in `freezing`, goes out in `leases` and `outcomes`, and what is learnt later moves it in
`evidence` and `resending`; `updates` are what they share.
"""

from apps.delivery.services.evidence import Evidence, apply_evidence
from apps.delivery.services.freezing import freeze
from apps.delivery.services.leases import claim, end_lease, mark_sending, release, renew
from apps.delivery.services.outcomes import (
    SETTLE_TIME,
    Outcome,
    promote,
    record,
    resolve,
    retract,
    suppress,
    take_unknown,
)
from apps.delivery.services.resending import resend, resend_unconfirmed

__all__ = [
    "SETTLE_TIME",
    "Evidence",
    "Outcome",
    "apply_evidence",
    "claim",
    "end_lease",
    "freeze",
    "mark_sending",
    "promote",
    "record",
    "release",
    "renew",
    "resend",
    "resend_unconfirmed",
    "resolve",
    "retract",
    "suppress",
    "take_unknown",
]
