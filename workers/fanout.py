"""Message -> rows: the audience is frozen slice by slice, and every slice rings its doorbells.

Each job does one slice and rings for the next, so two messages take turns. Killed anywhere, the next ring goes on at
the cursor: a slice's rows and the cursor move in one transaction.
"""

from django.conf import settings

from apps.core import jobs
from apps.core.db import transactional
from apps.delivery import chains, services
from apps.messaging import audience
from apps.messaging import services as messaging
from apps.messaging.models import Message, MessageChannel
from apps.messaging.states import Status


def fan_out(message_id: int) -> None:
    """Freeze the next slice, ring its deliveries, and ring again for the slice after it."""
    frozen = freeze_slice(message_id)
    while frozen is not None and not frozen.count:
        frozen = freeze_slice(message_id)
    if frozen is None:
        return
    jobs.ring(jobs.FAN_OUT, (message_id,), lane=jobs.FAN_OUT_LANE)
    for message_channel in MessageChannel.objects.filter(message=message_id).select_related("channel"):
        if message_channel.channel.delivers:
            chains.start(message_channel.pk)


@transactional
def freeze_slice(message_id: int) -> services.Frozen | None:
    """One slice in one transaction. None if there is nothing (more) to do."""
    message = Message.objects.select_for_update().get(pk=message_id)
    if message.status != Status.PUBLISHING:
        return None
    after = message.fan_out_cursor
    up_to = audience.slice_end(after=after, size=settings.FAN_OUT_SLICE)
    if up_to is None:
        messaging.fanned_out(message)
        return None
    frozen = services.freeze(message, after=after, up_to=up_to)
    messaging.move_cursor(message, to=up_to, added=frozen.count)
    return frozen
