"""Doorbells in chains, so that messages take turns.

A lane is a queue, first come first served: a message of 200,000 that rang for all its batches at once would keep every
later one waiting for all of them. So a message has about `Channel.chains` doorbells in the queue, and each that is
answered rings the next of its message, behind those of the others.

A chain may be lost with its doorbell. `rung_to` and `chains_out` are then merely wrong, never the rows: `revive` starts
anew from the first row that is still queued, and what is rung twice finds nothing to claim.
"""

import math
from dataclasses import dataclass

from django.conf import settings
from django.db.models.functions import Now

from apps.core import jobs
from apps.core.db import single_write, transactional
from apps.delivery.models import Delivery
from apps.delivery.states import Status
from apps.messaging.models import MessageChannel

#: So many times RING_AGAIN without any movement, and the doorbells count as lost although the lane is not empty.
PATIENCE = 10
#: A batch is not cut smaller than this part of the channel's: each costs a dozen queries.
LEAST = 1 / 5
#: How often `_next` begins anew when somebody was faster, before it waits in line.
TRIES = 4


@dataclass(frozen=True, slots=True)
class Doorbell:
    """One batch of one message channel: the ids of its first and last delivery, and the lane to ring on."""

    message_channel_id: int
    first_id: int
    last_id: int
    lane: str

    def ring(self) -> None:
        jobs.ring(jobs.DELIVER, (self.message_channel_id, self.first_id, self.last_id), lane=self.lane)


def start(message_channel_id: int) -> None:
    """Ring for the batches nobody has rung for, as far as the message has chains left."""
    for doorbell in _start(message_channel_id, anew=False):
        doorbell.ring()


def revive(message_channel_id: int) -> None:
    """Ring anew from the first row that is still queued."""
    for doorbell in _start(message_channel_id, anew=True):
        doorbell.ring()


def go_on(message_channel_id: int) -> None:
    """Ring for the batch after those rung so far; without one this chain ends."""
    doorbell = _next(message_channel_id)
    if doorbell:
        doorbell.ring()


def lane(message_channel: MessageChannel) -> str:
    return message_channel.channel.lane(urgent=message_channel.message.is_urgent)


@transactional
def _start(message_channel_id: int, *, anew: bool) -> list[Doorbell]:
    row = _locked(message_channel_id)
    if anew:
        row.rung_to = row.chains_out = 0
    found = _batches(row, limit=max(0, row.channel.chains - row.chains_out))
    row.chains_out += len(found)
    _keep(row)
    return found


def _next(message_channel_id: int) -> Doorbell | None:
    """Without a lock: every worker comes by here for every batch, and would wait for all that this one has to ask."""
    for _ in range(TRIES):
        row = _read(message_channel_id)
        before = row.rung_to, row.chains_out
        found = _batches(row, limit=1)
        if not found:
            row.chains_out = max(0, row.chains_out - 1)
        if _keep(row, unless_moved_from=before):
            return found[0] if found else None
    return _next_locked(message_channel_id)


@transactional
def _next_locked(message_channel_id: int) -> Doorbell | None:
    row = _locked(message_channel_id)
    found = _batches(row, limit=1)
    if not found:
        row.chains_out = max(0, row.chains_out - 1)
    _keep(row)
    return found[0] if found else None


def _locked(message_channel_id: int) -> MessageChannel:
    MessageChannel.objects.select_for_update().values_list("pk").get(pk=message_channel_id)
    return _read(message_channel_id)


def _read(message_channel_id: int) -> MessageChannel:
    rows = MessageChannel.objects.select_related("channel", "message").defer("message__content")
    return rows.get(pk=message_channel_id)


def _batches(row: MessageChannel, *, limit: int) -> list[Doorbell]:
    """The next `limit` batches of queued rows; moves `row.rung_to` behind them."""
    size = _size(row)
    # Queued rows have no reason; the index is by channel, status, reason and then id.
    queued = Delivery.objects.filter(message_channel=row, status=Status.QUEUED, reason="", pk__gt=row.rung_to)
    ids = list(queued.order_by("pk").values_list("pk", flat=True)[: limit * size])
    if ids:
        row.rung_to = ids[-1]
    batches = [ids[first : first + size] for first in range(0, len(ids), size)]
    return [Doorbell(row.pk, batch[0], batch[-1], lane(row)) for batch in batches]


def _size(row: MessageChannel) -> int:
    """What nobody has rung for, shared by the chains: so all workers are through at about the same time."""
    most = row.channel.batch_size
    unrung = row.unsettled - row.chains_out * most
    return min(most, max(math.ceil(most * LEAST), math.ceil(unrung / row.channel.chains)))


@single_write
def _keep(row: MessageChannel, *, unless_moved_from: tuple[int, int] | None = None) -> bool:
    """Without a doorbell under way nobody has to look after the message channel. False: somebody was faster."""
    ring_at = Now() + settings.RING_AGAIN * PATIENCE if row.chains_out else None
    rows = MessageChannel.objects.filter(pk=row.pk)
    if unless_moved_from is not None:
        rung_to, chains_out = unless_moved_from
        rows = rows.filter(rung_to=rung_to, chains_out=chains_out)
    return bool(rows.update(rung_to=row.rung_to, chains_out=row.chains_out, ring_at=ring_at))
