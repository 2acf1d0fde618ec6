"""Rows -> provider: claim, check, send, record.

No transaction and no lock is held while a provider is called. What a worker leaves behind when it dies is found by its
lease.
"""

import functools
import itertools
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from django.conf import settings

from apps.channels.models import ProviderAccount
from apps.channels.providers.base import Outgoing, Provider, Refused, Result, Unknown
from apps.core.errors import InvalidInput
from apps.delivery import chains, receipts, selectors, services, suppressions
from apps.delivery.journal import Journal
from apps.delivery.models import Delivery
from apps.delivery.selectors import Row
from apps.directory import services as directory
from apps.messaging import rendering
from apps.messaging.models import MessageChannel
from workers import breaker, judge, pace
from workers.breaker import Way
from workers.throttle import Throttle

log = logging.getLogger(__name__)

#: Seconds between two looks at whether the message may still go out.
ASK_EVERY = 0.5


@dataclass
class StillWanted:
    """Asked before every call: nothing may start a second after a recall or a pause has been committed."""

    message_channel_id: int
    answer: bool = False
    asked_at: float = 0.0

    def __call__(self) -> bool:
        return self.now() if time.monotonic() - self.asked_at > ASK_EVERY else self.answer

    def now(self) -> bool:
        self.asked_at = time.monotonic()
        self.answer = selectors.may_send(self.message_channel_id)
        return self.answer


@functools.lru_cache(maxsize=1000)
def still_wanted(message_channel_id: int) -> StillWanted:
    """The one all threads of this process ask."""
    return StillWanted(message_channel_id)


@dataclass
class Batch:
    """One worker's hold on some deliveries of one message channel; `left` are those it has not handed over."""

    message_channel: MessageChannel
    wanted: StillWanted
    left: list[Row]
    lease: str
    journal: Journal
    claimed_at: float

    def hold(self) -> float:
        """Keep the lease in good time; until when calls may start (seconds of `time.monotonic`).

        Nothing new is handed over in the second half of the lease, so that an outcome is always known in time.
        """
        lease = settings.LEASE.total_seconds()
        if time.monotonic() - self.claimed_at > lease / 6:
            now = time.monotonic()
            if not services.renew(self.lease):
                return 0.0
            self.claimed_at = now
        return self.claimed_at + lease / 2


def deliver(message_channel_id: int, first_id: int, last_id: int) -> None:
    """Send every delivery of the range that is ready. Run twice, the second finds nothing to claim."""
    wanted = still_wanted(message_channel_id)
    if not wanted.now():
        return
    message_channel = selectors.message_channel(message_channel_id)
    if not message_channel.message.sandboxed and not breaker.usable(message_channel.channel):
        log.warning("channel %s: no account can be used now, its rows wait", message_channel.channel.key)
        return
    batch = _claim(message_channel, first_id, last_id, wanted)
    # Not before the claim: `go_on` looks whether anything is still queued.
    if not batch.left:
        chains.go_on(message_channel_id)
        return
    with batch.journal:
        chains.go_on(message_channel_id)
        _send(batch)
        services.release(message_channel_id, [row.pk for row in batch.left], lease=batch.lease)


def _claim(message_channel: MessageChannel, first_id: int, last_id: int, wanted: StillWanted) -> Batch:
    lease, now = uuid.uuid4().hex, time.monotonic()
    personal = bool(Copy(message_channel).names)
    limit = message_channel.channel.batch_size
    rows = selectors.queued(message_channel.pk, first_id, last_id, limit=limit, personal=personal)
    mine = services.claim([row.pk for row in rows], lease=lease) if rows else set()
    journal = Journal(lease, size=len(mine))
    return Batch(message_channel, wanted, [row for row in rows if row.pk in mine], lease, journal, now)


def _send(batch: Batch) -> None:
    """Window by window, until all is handed over or there is no way out."""
    stuck: list[Row] = []
    for only, rows in itertools.groupby(sorted(batch.left, key=_bound_to), key=_bound_to):
        batch.left = list(rows)
        while batch.left:
            way = _way(batch.message_channel, only) if batch.wanted() else None
            if way is None:
                break
            most = 1 if way.probe else batch.message_channel.channel.window
            _send_window(batch, way, batch.left[: pace.window(way.account.pk, most=most)])
        stuck += batch.left
    batch.left = stuck


def _way(message_channel: MessageChannel, only: int) -> Way | None:
    if message_channel.message.sandboxed:
        return breaker.into_sandbox(message_channel.channel)
    return breaker.choose(message_channel.channel, only=only or None)


def _bound_to(row: Row) -> int:
    """The account a row must leave through, 0 for any: what one provider may already have never goes to another."""
    return (row.maybe_duplicate and row.account_id) or 0


def _send_window(batch: Batch, way: Way, window: Sequence[Row]) -> None:
    deadline, started = batch.hold(), time.monotonic()
    kind = batch.message_channel.channel.address_kind
    ids = [row.pk for row in window]
    mine = services.mark_sending(ids, lease=batch.lease, account_id=way.account.pk, kind=kind)
    batch.left = batch.left[len(window) :]
    ready = [row for row in window if row.pk in mine]
    if len(ready) < len(window):
        _suppress(batch, [pk for pk in ids if pk not in mine], kind)
    if not ready:
        breaker.report(way, [])
        return
    send = partial(way.provider.send, deadline=deadline, go_on=_may_go(batch, way, deadline), witness=batch.journal)
    results = _call(way.provider, _outgoing(batch, way.account, ready), send)
    _record(batch, way, ready, results, started)


def _may_go(batch: Batch, way: Way, deadline: float) -> Callable[[], bool]:
    """Asked before each call: is it still wanted, and is it this account's turn?"""
    throttle = Throttle(way.account, urgent=batch.message_channel.message.is_urgent)

    def may_go() -> bool:
        return batch.wanted() and breaker.still_usable(way)

    return lambda: may_go() and throttle.take(deadline, may_go)


def _record(batch: Batch, way: Way, ready: Sequence[Row], results: dict[int, Result], started: float) -> None:
    breaker.report(way, [results[row.pk] for row in ready])
    elsewhere = breaker.another(way)
    message, channel = batch.message_channel.message, batch.message_channel.channel
    outcomes = [
        judge.outcome(
            row.pk,
            results[row.pk],
            attempt=row.attempt + 1,
            channel=channel,
            account_id=way.account.pk,
            expires_in=message.seconds_left(),
            elsewhere=elsewhere and not _bound_to(row),
        )
        for row in ready
    ]
    took = time.monotonic() - started
    pace.learn(way.account.pk, tried=sum(one.tried for one in outcomes), took=took)
    services.record(batch.message_channel.pk, outcomes, lease=batch.lease, took_ms=round(took * 1000))
    if message.sandboxed:
        # What the sandbox makes up says nothing about real addresses.
        return
    suppressions.learn(channel, {row.address: results[row.pk] for row in ready if row.address})
    dead = [token for result in results.values() for token in getattr(result, "dead", ())]
    if dead:
        directory.remove_devices(dead)


def _call(
    provider: Provider, items: dict[int, Outgoing | Refused], send: Callable[[list[Outgoing]], list[Result]]
) -> dict[int, Result]:
    """Hand over what could be rendered; the rest is refused here already."""
    results: dict[int, Result] = {pk: item for pk, item in items.items() if isinstance(item, Refused)}
    outgoing = [item for item in items.values() if isinstance(item, Outgoing)]
    try:
        answers = send(outgoing) if outgoing else []
    except Exception:
        log.exception("provider %s raised, %d outcomes are unknown", provider.key, len(outgoing))
        answers = [Unknown("provider_error")] * len(outgoing)
    results.update((item.delivery_id, answer) for item, answer in zip(outgoing, answers, strict=True))
    return results


class Copy:
    """The text of a message, ready to be filled for each recipient."""

    def __init__(self, message_channel: MessageChannel) -> None:
        message = message_channel.message
        self.expires_at = message.expires_at
        try:
            self.texts = rendering.parse(message.title), rendering.parse(message.content)
        except InvalidInput:
            self.texts = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(text.names for text in self.texts))

    def outgoing(self, account: ProviderAccount, row: Row, addresses: tuple[str, ...]) -> Outgoing | Refused:
        """The delivery as the provider will see it, or why it cannot be made: one bad row never stops the others."""
        if not addresses:
            return Refused("no_address")
        try:
            title, body = (text.render(row.values) for text in self.texts)
        except (rendering.MissingValue, ValueError, TypeError):
            return Refused("missing_value")
        return Outgoing(
            delivery_id=row.pk,
            attempt=row.attempt + 1,
            key=f"{settings.ENVIRONMENT_ID}-{row.pk}",
            addresses=addresses,
            title=title,
            body=body,
            expires_at=self.expires_at,
            callback_url=_callback_url(account, row),
        )


def as_sent(delivery: Delivery) -> Outgoing | Refused:
    """What the provider was given for this delivery's last attempt."""
    row = Row(
        pk=delivery.pk,
        attempt=delivery.attempt - 1,
        address=delivery.address,
        account_id=delivery.account_id,
        maybe_duplicate=delivery.maybe_duplicate,
        person_id=delivery.recipient.person_id,
        values=delivery.recipient.placeholder_values,
    )
    return Copy(delivery.message_channel).outgoing(delivery.account, row, (row.address,))


def _outgoing(batch: Batch, account: ProviderAccount, rows: Sequence[Row]) -> dict[int, Outgoing | Refused]:
    copy, channel = Copy(batch.message_channel), batch.message_channel.channel
    if channel.every_address:
        addresses = selectors.every_address(rows, kind=channel.address_kind)
        return {row.pk: copy.outgoing(account, row, addresses.get(row.pk, ())) for row in rows}
    return {row.pk: copy.outgoing(account, row, (row.address,) if row.address else ()) for row in rows}


def _callback_url(account: ProviderAccount, row: Row) -> str:
    if not settings.PUBLIC_URL:
        return ""
    return receipts.address(account, delivery_id=row.pk, attempt=row.attempt + 1)


def _suppress(batch: Batch, delivery_ids: Sequence[int], kind: str) -> None:
    """Somebody has opted out since the fan-out."""
    reasons = selectors.suppression_reasons(delivery_ids, kind=kind)
    if reasons:
        services.suppress(batch.message_channel.pk, reasons, lease=batch.lease)
