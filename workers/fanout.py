"""Message -> rows: the audience is frozen slice by slice, and every slice rings its doorbells.

Each job works for a short turn and rings for the next, so messages take turns. Killed anywhere, the next ring goes on
at the cursor: a slice's rows and the cursor move in one transaction.
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


def fan_out(message_id: int) -> None:
    """Freeze slices for a turn, ringing after each for its deliveries; then ring for the next turn."""
    until = time.monotonic() + TURN
    while freeze_slice(message_id):
        for message_channel_id in selectors.delivering(message_id):
            chains.start(message_channel_id)
        if time.monotonic() > until:
            jobs.ring(jobs.FAN_OUT, (message_id,), lane=jobs.FAN_OUT_LANE)
            return


@transactional
def freeze_slice(message_id: int) -> bool:
    """One slice in one transaction. False if there is nothing more to do."""
    message = Message.objects.select_for_update().get(pk=message_id)
    if message.status != Status.PUBLISHING or message.paused_at:
        return False
    after = message.fan_out_cursor
    up_to = audience.slice_end(after=after, size=settings.FAN_OUT_SLICE)
    if up_to is None:
        messaging.fanned_out(message)
        return False
    added = services.freeze(message, after=after, up_to=up_to)
    messaging.move_cursor(message, to=up_to, added=added)
    return True
