"""How often something may be tried: logins, codes, letters.

The counters are rows, written by conditional UPDATEs. Not Redis: there they would be gone with every key it loses, and
without Redis each process would count for itself or nobody could log in; the database has to be there for a login
anyway, and a failed one writes to the audit log as well. Not a cache that is read and then written: of fifty guesses
that arrive together, all fifty would find room.

A try is counted before it is made and given back if it was right. So at most `tries` wrong ones get through in a
window, however many arrive at a time.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.accounts.models import Tries
from apps.core.db import single_write, transactional
from apps.core.errors import TooMany

SALT = "apps.accounts.limits"
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
KEPT = timedelta(days=1)
#: Whoever owns one address of an IPv6 network owns all of them.
OWNED_BITS = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `tries` in a `window` that begins with the first of them."""

    name: str
    tries: int
    window: timedelta = QUARTER


@dataclass(frozen=True, slots=True)
class Count:
    """What a try counts against: a limit, and whom or what it is kept for."""

    limit: Limit
    subject: tuple[str, ...]

    @property
    def key(self) -> str:
        """Neither names nor addresses lie about in the table."""
        return salted_hmac(SALT, "\0".join((self.limit.name, *self.subject)), algorithm="sha256").hexdigest()


LOGIN = Limit("login", 10)
CODE = Limit("code", 10)
#: Over all networks; who guesses codes has the password already, so nobody else is locked out.
CODE_OF_USER = Limit("code_of_user", 50, HOUR)
#: Codes and links that somebody asks to be sent.
LETTER = Limit("letter", 5, HOUR)
LETTER_OF_PERSON = Limit("letter_of_person", 20, timedelta(days=1))
#: After those of the day: somebody who asks for letters in another's name must not keep him from his own.
LETTER_BEYOND = Limit("letter_beyond", 1, HOUR)


def of_network(network: str) -> Count:
    """Over all names: whoever tries one password on everybody."""
    return Count(Limit("network", settings.LOGIN_NETWORK_LIMIT), (network,))


def codes_of_network(network: str) -> Count:
    """Codes that were sent to anybody and come back wrong."""
    return Count(Limit("code_of_network", settings.LOGIN_NETWORK_LIMIT), (network,))


def letters_of_network(network: str) -> Count:
    return Count(Limit("letter_of_network", settings.LETTER_NETWORK_LIMIT, HOUR), (network,))


def numbers_of_network(network: str) -> Count:
    """Numbers with which somebody begins to register."""
    return Count(Limit("number_of_network", settings.LETTER_NETWORK_LIMIT, HOUR), (network,))


def take_letter(*subject: str, network: str, device: str | None = None) -> None:
    """Count a letter to `subject`, for a `device` that knows him apart from all others. Raises `TooMany`."""
    whom = (*subject, "device", device) if device else subject
    near = [Count(LETTER, whom)] if device else [Count(LETTER, (*whom, network)), letters_of_network(network)]
    try:
        take(*near, Count(LETTER_OF_PERSON, whom))
    except TooMany:
        take(*near, Count(LETTER_BEYOND, whom))


def network(address: str | None) -> str:
    """The part of an address that its owner cannot change at will."""
    if address is None:
        return "unknown"
    found = ipaddress.ip_address(address)
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, OWNED_BITS), strict=False))


def take(*counts: Count) -> None:
    """Count one try against each. Raises `TooMany`, and then nothing is counted."""
    taken: list[Count] = []
    for one in counts:
        wait = _take(one)
        if wait is not None:
            give_back(*taken)
            raise TooMany(wait)
        taken.append(one)


def give_back(*counts: Count) -> None:
    """The try was none to be counted."""
    for one in counts:
        _give_back(one.key)


def forget_old() -> None:
    Tries.objects.filter(until__lt=timezone.now() - KEPT).delete()


@single_write
def _give_back(key: str) -> None:
    Tries.objects.filter(key=key, count__gt=0).update(count=F("count") - 1)


def _take(one: Count) -> int | None:
    """None if there was room, else the seconds until there is."""
    now = timezone.now()
    # Whoever loses the race for a new window finds in the second round that it has begun.
    for _round in range(2):
        if _counted(one, now) or _begun_anew(one, now) or _begun(one.key, now + one.limit.window):
            return None
    until = Tries.objects.filter(key=one.key).values_list("until", flat=True).first() or now
    return max(1, round((until - now).total_seconds()))


@single_write
def _counted(one: Count, now: datetime) -> int:
    return Tries.objects.filter(key=one.key, until__gt=now, count__lt=one.limit.tries).update(count=F("count") + 1)


@single_write
def _begun_anew(one: Count, now: datetime) -> int:
    return Tries.objects.filter(key=one.key, until__lte=now).update(count=1, until=now + one.limit.window)


@transactional
def _begun(key: str, until: datetime) -> bool:
    if Tries.objects.filter(key=key).exists():
        return False
    try:
        with transaction.atomic():
            Tries.objects.create(key=key, until=until)
    except IntegrityError:
        return False
    return True
