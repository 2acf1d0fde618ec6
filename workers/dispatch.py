"""Rows -> provider: claim, check, send, record.

No transaction and no lock is held while a provider is called. What a worker leaves behind when it dies is found by its
lease.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings

from apps.channels import accounts
from apps.channels.models import Channel, ProviderAccount
from apps.channels.providers.base import Outgoing, Provider, Refused, Result, SettingsError, Unknown
from apps.core.errors import InvalidInput
from apps.delivery import selectors, services
from apps.delivery.models import Delivery
from apps.directory import services as directory
from apps.messaging import rendering
from apps.messaging.models import MessageChannel
from workers import judge

log = logging.getLogger(__name__)

#: How long rows wait that cannot be sent now because the channel or its accounts are off.
HOLD = timedelta(seconds=30)
#: Seconds between two looks at whether the message may still go out.
ASK_EVERY = 0.5


@dataclass
class Batch:
    """One worker's hold on a range of deliveries of one message channel."""

    message_channel: MessageChannel
    first_id: int
    last_id: int
    lease: str
    renewed_at: float = field(default_factory=time.monotonic)

    @property
    def range(self) -> tuple[int, int, int]:
        return self.message_channel.pk, self.first_id, self.last_id

    def hold(self) -> None:
        """Renew the lease in good time before it ends."""
        if time.monotonic() - self.renewed_at > settings.LEASE.total_seconds() / 3:
            services.renew(*self.range, lease=self.lease)
            self.renewed_at = time.monotonic()


@dataclass
class StillWanted:
    """Asked before every call inside a window: nothing may start a second after a recall has been committed."""

    message_channel_id: int
    asked_at: float = field(default_factory=time.monotonic)
    answer: bool = True

    def __call__(self) -> bool:
        if self.answer and time.monotonic() - self.asked_at > ASK_EVERY:
            self.answer = selectors.may_send(self.message_channel_id)
            self.asked_at = time.monotonic()
        return self.answer


def deliver(message_channel_id: int, first_id: int, last_id: int) -> None:
    """Send every delivery of the range that is ready. Run twice, the second finds nothing to claim."""
    lease = uuid.uuid4().hex
    message_channel = selectors.message_channel(message_channel_id)
    limit = message_channel.channel.batch_size
    if not services.claim(message_channel_id, first_id, last_id, lease=lease, limit=limit):
        return
    batch = Batch(message_channel, first_id, last_id, lease)
    account, provider = _way_out(batch.message_channel.channel)
    if account and provider:
        _send_all(batch, account, provider)
    services.release(*batch.range, lease=lease, due_in=HOLD)


def _way_out(channel: Channel) -> tuple[ProviderAccount | None, Provider | None]:
    """The account to send through now, and its provider; nothing while there is none that works."""
    account = accounts.active_account(channel) if channel.enabled else None
    if account is None:
        log.warning("channel %s: off or without a usable account, its rows are held", channel.key)
        return None, None
    try:
        return account, accounts.provider_for(account)
    except SettingsError as error:
        log.error("channel %s: account %s cannot be used, its rows are held: %s", channel.key, account.pk, error)
        return None, None


def _send_all(batch: Batch, account: ProviderAccount, provider: Provider) -> None:
    claimed = selectors.claimed(*batch.range, lease=batch.lease)
    for window in _windows(claimed, batch.message_channel.channel.window):
        batch.hold()
        # A recalled or expired message has what is still claimed ended by `sweep.close`.
        if not selectors.may_send(batch.message_channel.pk):
            return
        _send_window(batch, account, provider, window)


def _send_window(batch: Batch, account: ProviderAccount, provider: Provider, window: Sequence[Delivery]) -> None:
    ready = _without_suppressed(batch, window)
    started = time.monotonic()
    mine = services.mark_sending([one.pk for one in ready], lease=batch.lease, account_id=account.pk)
    ready = [one for one in ready if one.pk in mine]
    if not ready:
        return
    # Nothing new is handed over in the second half of the lease, so that an outcome is always known in time.
    deadline = started + settings.LEASE.total_seconds() / 2
    wanted = StillWanted(batch.message_channel.pk)
    results = _call(provider, _outgoing(batch.message_channel, account, ready), deadline=deadline, go_on=wanted)
    outcomes = [
        judge.outcome(one.pk, results[one.pk], attempt=one.attempt + 1, channel=batch.message_channel.channel)
        for one in ready
    ]
    services.record(batch.message_channel.pk, outcomes, lease=batch.lease)
    dead = [token for result in results.values() for token in getattr(result, "dead", ())]
    if dead:
        directory.remove_devices(dead)


def _call(
    provider: Provider, items: dict[int, Outgoing | Refused], *, deadline: float, go_on: Callable[[], bool]
) -> dict[int, Result]:
    """Hand over what could be rendered; the rest is refused here already."""
    results: dict[int, Result] = {pk: item for pk, item in items.items() if isinstance(item, Refused)}
    outgoing = [item for item in items.values() if isinstance(item, Outgoing)]
    try:
        answers = provider.send(outgoing, deadline=deadline, go_on=go_on) if outgoing else []
    except Exception:
        log.exception("provider %s raised, %d outcomes are unknown", provider.key, len(outgoing))
        answers = [Unknown("provider_error")] * len(outgoing)
    results.update((item.delivery_id, answer) for item, answer in zip(outgoing, answers, strict=True))
    return results


def _outgoing(
    message_channel: MessageChannel, account: ProviderAccount, deliveries: Sequence[Delivery]
) -> dict[int, Outgoing | Refused]:
    addresses = _addresses(message_channel, deliveries)
    return {one.pk: outgoing(message_channel, account, one, addresses.get(one.pk, ())) for one in deliveries}


def outgoing(
    message_channel: MessageChannel, account: ProviderAccount, delivery: Delivery, addresses: tuple[str, ...]
) -> Outgoing | Refused:
    """The delivery as the provider will see it, or why it cannot be made: one bad row never stops the others."""
    message = message_channel.message
    values = delivery.recipient.placeholder_values
    if not addresses:
        return Refused("no_address")
    try:
        title = rendering.parse(message.title).render(values)
        body = rendering.parse(message.content).render(values)
    except (rendering.MissingValue, InvalidInput, TypeError):
        return Refused("missing_value")
    return Outgoing(
        delivery_id=delivery.pk,
        attempt=delivery.attempt + 1,
        key=f"{settings.ENVIRONMENT_ID}-{delivery.pk}",
        addresses=addresses,
        title=title,
        body=body,
        expires_at=message.expires_at,
        callback_url=_callback_url(account, delivery),
    )


def _callback_url(account: ProviderAccount, delivery: Delivery) -> str:
    if not settings.PUBLIC_URL:
        return ""
    return f"{settings.PUBLIC_URL}/callbacks/{account.provider}/{account.pk}/{delivery.pk}/{delivery.attempt + 1}"


def _addresses(message_channel: MessageChannel, deliveries: Sequence[Delivery]) -> dict[int, tuple[str, ...]]:
    if message_channel.channel.every_address:
        return selectors.every_address(deliveries, kind=message_channel.channel.address_kind)
    return {one.pk: (one.address,) for one in deliveries if one.address}


def _without_suppressed(batch: Batch, window: Sequence[Delivery]) -> list[Delivery]:
    """Somebody may have opted out since the fan-out."""
    reasons = selectors.suppression_reasons(window, kind=batch.message_channel.channel.address_kind)
    if reasons:
        services.suppress(batch.message_channel.pk, reasons, lease=batch.lease)
    return [one for one in window if one.pk not in reasons]


def _windows(deliveries: Sequence[Delivery], size: int) -> Iterator[Sequence[Delivery]]:
    for start in range(0, len(deliveries), size):
        yield deliveries[start : start + size]
