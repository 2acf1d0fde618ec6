"""The one door to the queue: job names, and ringing them after commit.

A job carries ids and is only a doorbell: it may be lost, late or doubled. So a broker that cannot be reached is logged
and never raised: the sweep finds the row that was left (docs/dispatch.md).
"""

import logging
import threading
import time
from collections.abc import Sequence

from celery import current_app
from django.db import transaction
from kombu.exceptions import ChannelError, OperationalError

from apps.core import alerts

log = logging.getLogger(__name__)

FAN_OUT = "workers.fan_out"
DELIVER = "workers.deliver"
CLOSE = "workers.close"
RING = "workers.ring"
APPLY_RECEIPT = "workers.apply_receipt"
READ_ROSTER = "workers.read_roster"
APPLY_ROSTER = "workers.apply_roster"
SEND_LETTER = "workers.send_letter"
SWEEP = "workers.sweep"

FAN_OUT_LANE = "fanout"
PERIODIC_LANE = "periodic"
#: Evidence of what became of deliveries: it waits for providers, so it has a lane that may be slow.
RECEIPTS_LANE = "receipts"
#: Files that come in and go out: long work that nobody but one person waits for.
EXPORTS_LANE = "exports"

#: What the alert of a failed ring is about.
BROKER = "broker"

#: After a failed ring, how long this process leaves the broker alone, in seconds. Thousands of doorbells would
#: otherwise each wait for the same time-out.
REST_AFTER_FAILURE = 5.0
_silent_until = 0.0
#: Whether the alert of a failure may be open; the process before this one may have left it.
_alerted = True
_lock = threading.Lock()


def enqueue(job: str, *args: int, lane: str) -> None:
    """Ring `job` on `lane` once the current transaction has committed (at once if there is none)."""
    transaction.on_commit(lambda: ring(job, args, lane=lane))


def ring(job: str, args: Sequence[int], *, lane: str) -> bool:
    """Ring now. False if the broker could not be reached; the sweep will ring again."""
    if time.monotonic() < _silent_until:
        return False
    try:
        current_app.send_task(job, args=args, queue=lane, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("doorbell failed: %s%s on %s: %s", job, tuple(args), lane, error)
        _note_failure(str(error))
        return False
    _note_success()
    return True


def _note_failure(error: str) -> None:
    """Of the threads that waited for the same time-out, one tells."""
    global _silent_until, _alerted
    with _lock:
        first = time.monotonic() >= _silent_until
        _silent_until = time.monotonic() + REST_AFTER_FAILURE
        _alerted = True
    if first:
        alerts.raise_alert(alerts.Kind.DOORBELL_FAILED, BROKER, error)


def _note_success() -> None:
    global _alerted
    if _alerted:
        _alerted = False
        alerts.settle(alerts.Kind.DOORBELL_FAILED, BROKER)


def backlog(lane: str) -> int | None:
    """How many doorbells wait on the lane; None if the broker cannot be asked."""
    with current_app.connection_or_acquire() as connection:
        try:
            return connection.default_channel.queue_declare(queue=lane, passive=True).message_count
        except ChannelError:
            return 0  # Redis knows no empty queue
        except (OperationalError, *connection.connection_errors):
            return None
