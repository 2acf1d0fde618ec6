"""The breaker of a provider account, kept in its row so that all workers see the same one.

    in use      `rests_until` is empty
    resting     `rests_until` lies ahead: nothing leaves through it
    half open   `rests_until` has passed: one worker wins the probe, one delivery, and its outcome decides
    paused      `paused_reason`; with `recovers` we paused it ourselves and ask it again at `rests_until`

Every write is conditional on the account as the writer saw it, so ten workers with the same news change it once, and
news of an account that a person has changed meanwhile changes nothing. `updated_at` is for persons: no write here
touches it. The database's clock counts.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Least, Now

from apps.channels import services
from apps.channels.models import AccountEvent, ProviderAccount
from apps.core.db import transactional

Kind = AccountEvent.Kind
#: Longer than any call may last (`MSGCENTER_LEASE_SECONDS` / 2): until then nobody else probes.
PROBE_TIME = timedelta(seconds=30)
#: A provider that asks us to slow down does so often: one line in so long.
NOTED_EVERY = timedelta(minutes=1)
MOST_OUTAGES = 1000


def in_service(channel_id: int) -> list[ProviderAccount]:
    """The accounts of a channel that are neither off nor paused. `probe_due` on each: its rest is over."""
    accounts = ProviderAccount.objects.filter(channel=channel_id, enabled=True, paused_reason="")
    due = ExpressionWrapper(Q(rests_until__isnull=False, rests_until__lte=Now()), output_field=BooleanField())
    return list(accounts.annotate(probe_due=due).order_by("pk"))


@transactional
def win_probe(account: ProviderAccount) -> bool:
    """Whether this worker is the one that may try a half-open account."""
    due = _unchanged(account).filter(rests_until__lte=Now())
    return bool(due.update(rests_until=Now() + PROBE_TIME))


@transactional
def give_back_probe(account: ProviderAccount) -> bool:
    """Nothing was tried after all: the next worker may."""
    return bool(_unchanged(account).filter(_as_seen(account), rests_until__gt=Now()).update(rests_until=Now()))


@transactional
def open_for(account: ProviderAccount, rest: timedelta, *, reason: str) -> bool:
    """Trouble: leave the account alone for `rest`; it counts as one more outage in a row."""
    seen = _unchanged(account).filter(_as_seen(account))
    opened = bool(seen.update(rests_until=Now() + rest, outages=_one_more()))
    if opened:
        services.note(account, Kind.RESTED, reason)
    return opened


@transactional
def slow_down(account: ProviderAccount, rest: timedelta, *, reason: str, probe: bool = False) -> bool:
    """The provider asks for a rest. Not an outage; of several the longest counts, but who probes knows best."""
    until = Now() + rest
    rests_less = Q(rests_until__isnull=True) | Q(rests_until__lt=until)
    slowed = _unchanged(account).filter(_as_seen(account) if probe else rests_less).update(rests_until=until)
    noted = AccountEvent.objects.filter(account=account, kind=Kind.RESTED, at__gt=Now() - NOTED_EVERY)
    if slowed and not noted.exists():
        services.note(account, Kind.RESTED, reason)
    return bool(slowed)


@transactional
def close(account: ProviderAccount) -> bool:
    """It works again."""
    closed = bool(_unchanged(account).filter(rests_until__isnull=False).update(rests_until=None, outages=0))
    if closed and account.outages:
        services.note(account, Kind.RECOVERED, "")
    return closed


@transactional
def pause_until_well(account: ProviderAccount, ask_in: timedelta, *, reason: str) -> bool:
    """The provider refuses the account itself. It is asked after `ask_in` whether it does still."""
    changes = {"paused_reason": reason[: services.PAUSED_LENGTH], "recovers": True, "rests_until": Now() + ask_in}
    paused = bool(_unchanged(account).update(outages=_one_more(), **changes))
    if paused:
        services.note(account, Kind.PAUSED, reason)
    return paused


def to_ask(limit: int) -> Sequence[ProviderAccount]:
    """Accounts we paused ourselves and have not asked for a while."""
    return ProviderAccount.objects.filter(_self_paused(), _ask_now()).order_by("rests_until", "pk")[:limit]


@transactional
def take_question(account: ProviderAccount, ask_again: timedelta) -> bool:
    """Whether this sweep is the one to ask; should it come to nothing, the next asks after `ask_again`."""
    due = ProviderAccount.objects.filter(_self_paused(), _ask_now(), pk=account.pk)
    return bool(due.update(outages=_one_more(), rests_until=Now() + ask_again))


@transactional
def resume_well(account: ProviderAccount) -> bool:
    """It says that it is well: half open first."""
    resting = ProviderAccount.objects.filter(_self_paused(), pk=account.pk, updated_at=account.updated_at)
    resumed = bool(resting.update(paused_reason="", recovers=False, rests_until=Now()))
    if resumed:
        services.note(account, Kind.RESUMED, "")
    return resumed


def _unchanged(account: ProviderAccount) -> QuerySet[ProviderAccount]:
    return ProviderAccount.objects.filter(pk=account.pk, updated_at=account.updated_at, enabled=True, paused_reason="")


def _as_seen(account: ProviderAccount) -> Q:
    """No other worker has opened or closed it since `account` was read; a probe of our own may have been won."""
    return Q(outages=account.outages, rests_until__isnull=account.rests_until is None)


def _ask_now() -> Q:
    return Q(rests_until__isnull=True) | Q(rests_until__lte=Now())


def _one_more() -> Least:
    """An outage of months must not overflow the column."""
    return Least(F("outages") + 1, MOST_OUTAGES)


def _self_paused() -> Q:
    return Q(recovers=True, enabled=True) & ~Q(paused_reason="")
