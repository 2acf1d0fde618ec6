"""Messages that should move and do not, and why: told by the counters, which say when they last moved."""

from collections import Counter

from apps.channels.models import Channel
from apps.core import alerts
from apps.delivery import selectors
from apps.delivery.states import Status
from apps.messaging import selectors as messages
from apps.messaging.models import Message
from workers import breaker

KIND = alerts.Kind.MESSAGE_STUCK
#: Messages looked at in one round.
LIMIT = 200


def find() -> None:
    """Raise an alert for each message that has not moved for STUCK_AFTER, and settle those that move again or ended."""
    known = dict(alerts.still_open().filter(kind=KIND).values_list("subject", "detail"))
    stuck = {str(message.pk): reason(message) for message in messages.unmoved(LIMIT)}
    for subject, why in stuck.items():
        if known.get(subject) != why:
            alerts.raise_alert(KIND, subject, why)
    for subject in known.keys() - stuck.keys():
        alerts.settle(KIND, subject)


def reason(message: Message) -> str:
    """The code that holds most of its open deliveries; its words are in `apps/delivery/reasons.py`."""
    held: Counter[str] = Counter()
    for row in message.message_channels.select_related("channel"):
        whole = _of_channel(row.channel, sandboxed=message.sandboxed)
        for one in selectors.open_counts(row.pk):
            held[whole or _of_rows(one.status, one.reason)] += one.count
    return held.most_common(1)[0][0] if held else _nobody_answers()


def _of_channel(channel: Channel, *, sandboxed: bool) -> str:
    if not channel.enabled:
        return "channel_off"
    if channel.paused_reason:
        return "channel_paused"
    return "" if sandboxed or breaker.usable(channel) else "no_account"


def _of_rows(status: Status, why: str) -> str:
    """What a provider said of rows that wait; rows that are ready wait for a worker, or for a doorbell."""
    return why or ("not_due" if status == Status.WAITING else _nobody_answers())


def _nobody_answers() -> str:
    failing = alerts.still_open().filter(kind=alerts.Kind.DOORBELL_FAILED).exists()
    return "doorbells_fail" if failing else "no_worker"
