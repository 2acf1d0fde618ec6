"""Message -> rows: the audience is frozen slice by slice, and every slice rings its doorbells.

While others wait, each job works for a short turn and rings for the next, so messages take turns. Killed anywhere, the
next ring goes on at the cursor: a slice's rows and the cursor move in one transaction.
"""

import time

from django.conf import settings

from apps.core import jobs
from apps.core.db import transactional
from apps.delivery import chains, selectors, services
from apps.messaging import audience
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.states import Status

#: Seconds after which the next message has its turn.
TURN = 0.5
#: A worker that is told to end waits for its jobs: none lasts longer, in seconds.
LONGEST = 5.0
#: A slice that is through in less is followed by one of twice the size: each costs a dozen queries.
SHORT = TURN / 2
#: But none is more than so many times the first: what a transaction holds has a bound.
GROWTH = 8


def fan_out(message_id: int) -> None:
    """Freeze slices for a turn, ringing after each for its deliveries; then ring for the next turn."""
    size = settings.FAN_OUT_SLICE
    began = now = time.monotonic()
    while freeze_slice(message_id, size=size):
        for message_channel_id in selectors.delivering(message_id):
            chains.start(message_channel_id)
        started, now = now, time.monotonic()
        if _turn_is_over(now - began):
            jobs.ring(jobs.FAN_OUT, (message_id,), lane=jobs.FAN_OUT_LANE)
            return
        if now - started < SHORT:
            size = min(2 * size, GROWTH * settings.FAN_OUT_SLICE)


def _turn_is_over(seconds: float) -> bool:
    return seconds > LONGEST or (seconds > TURN and bool(jobs.backlog(jobs.FAN_OUT_LANE)))


@transactional
def freeze_slice(message_id: int, *, size: int) -> bool:
    """The next `size` people of the directory in one transaction. False if there is nothing more to do."""
    message = Message.objects.select_for_update().get(pk=message_id)
    if message.status != Status.PUBLISHING or message.paused_at:
        return False
    after = message.fan_out_cursor
    up_to = audience.slice_end(after=after, size=size)
    if up_to is None:
        messaging.fanned_out(message)
        return False
    added = services.freeze(message, after=after, up_to=up_to)
    messaging.move_cursor(message, to=up_to, added=added)
    return True
