"""Lanes: which queue each job rings on, so that one kind of work never waits behind another.

A channel's urgent lane has its own pool and never takes bulk work. `deliver` is rung on the lane of its message
(`Channel.lane`), everything else has a fixed one.
"""

from kombu import Queue

FIXED_LANES = ("fanout", "receipts", "periodic", "exports")
CHANNEL_LANES = tuple(f"{channel}.{pace}" for channel in ("email", "sms", "push") for pace in ("urgent", "bulk"))
LANES = FIXED_LANES + CHANNEL_LANES

QUEUES = tuple(Queue(name) for name in LANES)
ROUTES = {
    "workers.fan_out": {"queue": "fanout"},
    "workers.close": {"queue": "fanout"},
    "workers.sweep": {"queue": "periodic"},
}
