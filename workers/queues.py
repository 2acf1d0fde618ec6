"""Lanes: which queue each job rings on, so that one kind of work never waits behind another.

A channel's urgent lane has its own pool and never takes bulk work. `deliver` is rung on the lane of its message
(`Channel.lane`), everything else has a fixed one.
"""

from kombu import Queue

from apps.core import jobs

FIXED_LANES = (jobs.FAN_OUT_LANE, jobs.RECEIPTS_LANE, jobs.PERIODIC_LANE, jobs.EXPORTS_LANE)
CHANNEL_LANES = tuple(f"{channel}.{pace}" for channel in ("email", "sms", "push") for pace in ("urgent", "bulk"))
LANES = FIXED_LANES + CHANNEL_LANES

QUEUES = tuple(Queue(name) for name in LANES)

#: Where a job goes that somebody calls by hand, without a lane. `deliver` has none of its own: its message knows.
ROUTES = {
    jobs.FAN_OUT: {"queue": jobs.FAN_OUT_LANE},
    jobs.CLOSE: {"queue": jobs.FAN_OUT_LANE},
    jobs.RING: {"queue": jobs.FAN_OUT_LANE},
    jobs.APPLY_RECEIPT: {"queue": jobs.RECEIPTS_LANE},
    jobs.READ_ROSTER: {"queue": jobs.EXPORTS_LANE},
    jobs.APPLY_ROSTER: {"queue": jobs.EXPORTS_LANE},
    jobs.SEND_LETTER: {"queue": jobs.RECEIPTS_LANE},
    jobs.SWEEP: {"queue": jobs.PERIODIC_LANE},
}
