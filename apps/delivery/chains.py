"""Doorbells in chains, so that messages take turns.

A lane is a queue, first come first served: a message of 200,000 that rang for all its batches at once would keep every
later one waiting for all of them. So a message has up to `Channel.chains` doorbells in the queue; when half of them are
answered, the next of the message are rung, behind those of the others.

A chain may be lost with its doorbell. `rung_to` and `chains_out` are then merely wrong, never the rows: `revive` starts
anew from the first row that is still queued, and what is rung twice finds nothing to claim.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from apps.channels.models import Channel
from apps.core import jobs
from apps.core.db import single_write, transactional
from apps.delivery.models import Delivery
from apps.delivery.states import Status
from apps.messaging.models import MessageChannel

#: So many times RING_AGAIN without any movement, and the doorbells count as lost although the lane is not empty.
PATIENCE = 10
#: A batch is not cut smaller than this part of the channel's: each costs a dozen queries.
LEAST = 1 / 5


@dataclass(frozen=True, slots=True)
class Doorbell:
    """One batch of one message channel: the ids of its first and last delivery, and the lane to ring on."""

    message_channel_id: int
    first_id: int
    last_id: int
    lane: str

    def ring(self) -> bool:
        return jobs.ring(jobs.DELIVER, (self.message_channel_id, self.first_id, self.last_id), lane=self.lane)


def start(message_channel_id: int) -> None:
    """Ring for the batches nobody has rung for, as far as the message has chains left."""
    _ring(message_channel_id, _start(message_channel_id, anew=False))


def revive(message_channel_id: int) -> None:
    """Ring anew from the first row that is still queued."""
    _ring(message_channel_id, _start(message_channel_id, anew=True))


def go_on(message_channel_id: int) -> None:
    """A doorbell is answered. When half of the chains have ended, ring for the batches after those rung so far."""
    _one_less(message_channel_id)
    if _runs_low(message_channel_id):
        start(message_channel_id)


def lane(message_channel: MessageChannel) -> str:
    return message_channel.channel.lane(urgent=message_channel.message.is_urgent)


def _ring(message_channel_id: int, doorbells: Sequence[Doorbell]) -> None:
    """Those that the broker did not take are lost, and known to be: nobody has to wait for them."""
    rung = sum(doorbell.ring() for doorbell in doorbells)
    if rung < len(doorbells):
        MessageChannel.objects.filter(pk=message_channel_id).update(ring_at=Now())


@transactional
def _start(message_channel_id: int, *, anew: bool) -> list[Doorbell]:
    row = _locked(message_channel_id)
    if anew:
        row.rung_to = row.chains_out = 0
    found = _batches(row, limit=max(0, row.channel.chains - row.chains_out))
    row.chains_out += len(found)
    _keep(row)
    return found


@single_write
def _one_less(message_channel_id: int) -> None:
    rows = MessageChannel.objects.filter(pk=message_channel_id, chains_out__gt=0)
    rows.update(chains_out=F("chains_out") - 1, ring_at=_patience())


def _runs_low(message_channel_id: int) -> bool:
    """Asked without a lock, so that workers do not wait for each other at every batch."""
    row = MessageChannel.objects.filter(pk=message_channel_id)
    chains_out, chains, rung_to = row.values_list("chains_out", "channel__chains", "rung_to").get()
    return chains_out == 0 or (chains_out <= chains // 2 and _queued(message_channel_id, rung_to).exists())


def _locked(message_channel_id: int) -> MessageChannel:
    MessageChannel.objects.select_for_update().values_list("pk").get(pk=message_channel_id)
    rows = MessageChannel.objects.select_related("channel", "message").defer("message__content")
    return rows.get(pk=message_channel_id)


def _batches(row: MessageChannel, *, limit: int) -> list[Doorbell]:
    """The next `limit` batches of queued rows; moves `row.rung_to` behind them."""
    queued = _queued(row.pk, row.rung_to)
    size = _size(row.channel, queued)
    ids = list(queued.order_by("pk").values_list("pk", flat=True)[: limit * size])
    if ids:
        row.rung_to = ids[-1]
    batches = [ids[first : first + size] for first in range(0, len(ids), size)]
    return [Doorbell(row.pk, batch[0], batch[-1], lane(row)) for batch in batches]


def _queued(message_channel_id: int, rung_to: int) -> QuerySet[Delivery]:
    """Queued rows have no reason; the index is by channel, status, reason and then id."""
    rows = Delivery.objects.filter(message_channel=message_channel_id, status=Status.QUEUED, reason="")
    return rows.filter(pk__gt=rung_to)


def _size(channel: Channel, queued: QuerySet[Delivery]) -> int:
    """What nobody has rung for, shared by the chains: so all workers are through at about the same time."""
    most = channel.batch_size
    unrung = queued[: most * channel.chains].count()
    return min(most, max(math.ceil(most * LEAST), math.ceil(unrung / channel.chains)))


def _keep(row: MessageChannel) -> None:
    """Without a queued row nobody has to look after the message channel.

    `chains_out` alone does not tell: doorbells that were doubled end chains of others.
    """
    ring_at = _patience() if row.chains_out or _queued(row.pk, 0).exists() else None
    MessageChannel.objects.filter(pk=row.pk).update(rung_to=row.rung_to, chains_out=row.chains_out, ring_at=ring_at)


def _patience() -> CombinedExpression:
    """When doorbells that nobody answers until then count as lost."""
    return Now() + settings.RING_AGAIN * PATIENCE
