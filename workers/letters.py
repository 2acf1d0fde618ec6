"""Codes and links to log in with -> provider. They have no delivery: nobody asks afterwards what became of them.

Whoever waits for one and does not get it asks for another, so one whose outcome is unknown is never sent again.
"""

import logging
import time

from django.conf import settings

from apps.accounts import letters
from apps.accounts.models import Letter
from apps.channels.models import LETTER, Channel
from apps.channels.providers.base import Accepted, Deferred, Outgoing, Result, Throttled, Unknown
from apps.core import installation
from workers import breaker
from workers.breaker import Way
from workers.throttle import Throttle

log = logging.getLogger(__name__)

#: Seconds one letter may wait for its turn.
PATIENCE = 10.0


def send(letter_id: int) -> None:
    """Send the letter if it is due. Run twice, the second finds nothing to do."""
    if not installation.is_ours():
        return
    letter = letters.take(letter_id)
    if letter is None:
        return
    if letter.contact_point is None:
        return letters.sent(letter)
    way = _way(letter.contact_point.kind)
    if way is None:
        return letters.put_back(letter, tried=False)
    return _note(letter, _hand_over(letter, way))


def _way(kind: str) -> Way | None:
    for channel in Channel.objects.filter(address_kind=kind, enabled=True, paused_reason="").order_by("pk"):
        way = breaker.choose(channel)
        if way:
            return way
    return None


def _hand_over(letter: Letter, way: Way) -> Result:
    deadline = time.monotonic() + PATIENCE
    throttle = Throttle(way.account, urgent=True)

    def go_on() -> bool:
        return throttle.take(deadline, lambda: breaker.still_usable(way))

    try:
        (result,) = way.provider.send([_outgoing(letter)], deadline=deadline, go_on=go_on)
    except Exception as error:
        # Only the kind of error: its text may hold the address or the code.
        log.error("letter %s: provider %s raised %s", letter.pk, way.provider.key, type(error).__name__)
        result = Unknown("provider_error")
    breaker.report(way, [result])
    return result


def _outgoing(letter: Letter) -> Outgoing:
    title, body = letters.words(letter)
    return Outgoing(
        delivery_id=LETTER,
        attempt=letter.attempt + 1,
        key=f"{settings.ENVIRONMENT_ID}-letter-{letter.pk}",
        addresses=(letter.contact_point.value,),
        title=title,
        body=body,
        expires_at=letter.expires_at,
    )


def _note(letter: Letter, result: Result) -> None:
    match result:
        case Accepted() | Unknown():
            letters.sent(letter)
        case Deferred() | Throttled():
            letters.put_back(letter, tried=True)
        case _:
            letters.failed(letter)
    log.info("letter %s: %s", letter.pk, type(result).__name__)
