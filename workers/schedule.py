"""The beat table: what a clock starts, and how often (seconds).

A tick that could not start in time is dropped (`expires`), because the next one finds the same rows.
"""

from apps.core import jobs

PERIODS = {
    "publish_due": 1.0,
    "expire_due": 1.0,
    "finish": 1.0,
    "promote_waiting": 1.0,
    "ring_again": 2.0,
    "return_leases": 2.0,
    "resolve_unknown": 2.0,
    "revive_accounts": 5.0,
    "apply_receipts": 2.0,
    "send_letters": 5.0,
    "close_ended": 5.0,
    "tend_rosters": 5.0,
    "forget_old": 3600.0,
    "find_stuck": 60.0,
    "note_audit": 3600.0,
}

#: A sweep that calls providers, or has many rows to do one by one, must not hold up the others.
LANES = dict.fromkeys(("resolve_unknown", "revive_accounts", "apply_receipts", "send_letters"), jobs.RECEIPTS_LANE)

BEAT_SCHEDULE = {
    name: {
        "task": jobs.SWEEP,
        "schedule": period,
        "args": (name,),
        "options": {"expires": max(period, 5.0), "queue": LANES.get(name, jobs.PERIODIC_LANE)},
    }
    for name, period in PERIODS.items()
}
