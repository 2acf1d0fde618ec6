"""Through which account a window goes, and what its results say about that account.

An account in trouble is left alone for a while that doubles with every outage, then tried with one delivery. One that
is refused is paused and asked now and then whether it is well. The states are in `apps/channels/circuit.py`; here is
who is chosen, what counts as trouble, and for how long.
"""

import logging
import math
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.channels import accounts, circuit
from apps.channels.models import Channel, ProviderAccount
from apps.channels.providers.base import TROUBLES_IN_A_ROW, Deferred, Provider, Result, SettingsError
from apps.channels.providers.sandbox import SandboxProvider
from apps.channels.services import alert_subject
from apps.core import alerts
from workers import verdict
from workers.verdict import Says

log = logging.getLogger(__name__)

#: Seconds for which a process goes by the accounts as it last saw them. A pause takes effect within it.
SEEN_FOR = 0.5
ASK_LIMIT = 20
#: Seconds one sweep spends on asking, beyond the call that is under way.
ASKING_TIME = 5.0
#: Seconds between two complaints about the same thing.
COMPLAIN_EVERY = 60.0
VENDOR_CODE = re.compile(r"[\d. ]{0,20}")


@dataclass(frozen=True, slots=True)
class Way:
    """An account to send a window through. `probe`: it is half open, hand over ONE delivery, then `report`.

    `sandboxed`: it is the way of test messages, whatever becomes of the other accounts, and says nothing about them.
    """

    account: ProviderAccount
    provider: Provider
    probe: bool = False
    sandboxed: bool = False


@dataclass
class Memory:
    """What this process knows without asking: accounts by channel, troubles in a row by account, complaints."""

    seen: dict[int, tuple[float, list[ProviderAccount]]] = field(default_factory=dict)
    troubles: dict[int, int] = field(default_factory=dict)
    complained: dict[tuple[int, str], float] = field(default_factory=dict)


memory = Memory()


def forget() -> None:
    """See everything anew."""
    memory.seen.clear()
    memory.troubles.clear()
    memory.complained.clear()


# --- choosing ---------------------------------------------------------------------------------------------------------
def choose(channel: Channel, *, only: int | None = None) -> Way | None:
    """An account to send through now, by chance in proportion to the weights; None while there is none.

    A half-open account comes first: it needs one delivery to show whether it works. `only`: that account or none.
    """
    candidates = [one for one in _in_service(channel.pk) if only in (None, one.pk)]
    return _probe(candidates) or _share(candidates)


def into_sandbox(channel: Channel) -> Way | None:
    """The way of test messages: no other account is even looked at."""
    account = accounts.sandbox_of(channel)
    provider = _provider(account)
    return Way(account, provider, sandboxed=True) if isinstance(provider, SandboxProvider) else None


def usable(channel: Channel) -> bool:
    """Whether `choose` may find a way."""
    return any(map(_may_be_used, _in_service(channel.pk)))


def still_usable(way: Way) -> bool:
    """Asked between two calls of a window: has the account been paused, switched off or sent to rest meanwhile?"""
    if way.sandboxed:
        return True
    now = next((one for one in _in_service(way.account.channel_id) if one.pk == way.account.pk), None)
    return now is not None and (way.probe or now.rests_until is None)


def another(way: Way) -> bool:
    """Whether an account other than that of `way` can be used now."""
    if way.sandboxed:
        return False
    others = (one for one in _in_service(way.account.channel_id) if one.pk != way.account.pk)
    return any(map(_may_be_used, others))


def _may_be_used(account: ProviderAccount) -> bool:
    return bool((account.rests_until is None or account.probe_due) and _provider(account))


def _in_service(channel_id: int) -> list[ProviderAccount]:
    seen_at, found = memory.seen.get(channel_id, (-math.inf, []))
    if time.monotonic() - seen_at >= SEEN_FOR:
        # The time before the question, so that an answer is never older than it seems.
        seen_at = time.monotonic()
        found = circuit.in_service(channel_id)
        memory.seen[channel_id] = seen_at, found
    return found


def _probe(candidates: Sequence[ProviderAccount]) -> Way | None:
    due = [one for one in candidates if one.probe_due]
    if any(one.weight and one.rests_until is None for one in candidates):
        due = [one for one in due if one.weight]
    for account in due:
        provider = _provider(account)
        if provider is None:
            continue
        won = circuit.win_probe(account)
        memory.seen.pop(account.channel_id, None)
        if won:
            log.info("account %s: half open, one delivery tries it", account.pk)
            return Way(account, provider, probe=True)
    return None


def _share(candidates: Sequence[ProviderAccount]) -> Way | None:
    """Weight 0 is a reserve: it has a share only when nobody else can be used."""
    in_use = [one for one in candidates if one.rests_until is None]
    while in_use:
        weighted = [one for one in in_use if one.weight] or in_use
        account = random.choices(weighted, [one.weight or 1 for one in weighted])[0]
        provider = _provider(account)
        if provider:
            return Way(account, provider)
        in_use.remove(account)
    return None


def _provider(account: ProviderAccount) -> Provider | None:
    try:
        return accounts.provider_for(account)
    except SettingsError as error:
        if _may_complain((account.pk, "settings")):
            alerts.raise_alert(alerts.Kind.ACCOUNT_UNUSABLE, alert_subject(account), str(error))
        return None


# --- learning ---------------------------------------------------------------------------------------------------------
def report(way: Way, results: Sequence[Result]) -> None:
    """What a window's results, in the order of its deliveries, say about the account; its end counts.

    Costs nothing while all is well. A probe that came to nothing (no result that says anything) is given back.
    """
    if way.sandboxed:
        return
    _alert_unmapped(way.account, results)
    what, end = verdict.at_end(results)
    if what is Says.TROUBLE:
        _trouble(way, end, whole=not any(verdict.says(one) is Says.WELL for one in results))
        return
    if what is not Says.NOTHING:
        memory.troubles.pop(way.account.pk, None)
    match what:
        case Says.SLOW_DOWN:
            _slow_down(way, end)
        case Says.REFUSED:
            _pause(way, end)
        case Says.WELL if way.probe and _changed(way, circuit.close(way.account)):
            log.info("account %s: in use again", way.account.pk)
        case Says.NOTHING if way.probe:
            _changed(way, circuit.give_back_probe(way.account))


def _trouble(way: Way, end: Sequence[Result], *, whole: bool) -> None:
    """One lost connection among many is nobody's outage; a server that cannot be reached, or two in a row, is.

    `whole`: the window was nothing but trouble, so that it may go on what the one before has begun.
    """
    before = memory.troubles.get(way.account.pk, 0) if whole else 0
    troubles = memory.troubles[way.account.pk] = before + verdict.weight(end)
    if not way.probe and troubles < TROUBLES_IN_A_ROW:
        return
    pause = verdict.rest(way.account.outages + 1)
    if _changed(way, circuit.open_for(way.account, pause, reason=verdict.words(end[-1]))):
        log.warning("account %s: %s, left alone for %.1f s", way.account.pk, end[-1].code, pause.total_seconds())


def _slow_down(way: Way, end: Sequence[Result]) -> None:
    pause = verdict.asked_rest(end)
    if _changed(way, circuit.slow_down(way.account, pause, reason=verdict.words(end[-1]), probe=way.probe)):
        log.info("account %s: asked to slow down, left alone for %.1f s", way.account.pk, pause.total_seconds())


def _pause(way: Way, end: Sequence[Result]) -> None:
    ask_in = verdict.question(way.account.outages + 1)
    if _changed(way, circuit.pause_until_well(way.account, ask_in, reason=verdict.words(end[-1]))):
        log.error("account %s is refused by its provider and paused until it is well", way.account.pk)


def _changed(way: Way, changed: bool) -> bool:
    if changed:
        memory.seen.pop(way.account.channel_id, None)
        memory.troubles.pop(way.account.pk, None)
    return changed


def _alert_unmapped(account: ProviderAccount, results: Sequence[Result]) -> None:
    """Only the vendor's number of it: the text may quote an address."""
    unmapped = [one for one in results if isinstance(one, Deferred) and one.code == "unmapped"]
    for number in sorted({VENDOR_CODE.match(one.detail)[0].strip() for one in unmapped}):
        if _may_complain((account.pk, number)):
            alerts.raise_alert(alerts.Kind.CODE_UNMAPPED, alert_subject(account), number)


def _may_complain(about: tuple[int, str]) -> bool:
    now = time.monotonic()
    due = now - memory.complained.get(about, -math.inf) > COMPLAIN_EVERY
    if due:
        memory.complained[about] = now
    return due


# --- asking -----------------------------------------------------------------------------------------------------------
def revive_accounts() -> None:
    """Ask accounts that we have paused ourselves whether they are well; those that are come back half open."""
    until = time.monotonic() + ASKING_TIME
    for account in circuit.to_ask(ASK_LIMIT):
        if time.monotonic() > until:
            return
        if circuit.take_question(account, verdict.question(account.outages + 1)) and _is_well(account):
            resumed = circuit.resume_well(account)
            log.info("account %s: well again%s", account.pk, "" if resumed else ", but somebody was faster")
            memory.seen.pop(account.channel_id, None)


def _is_well(account: ProviderAccount) -> bool:
    """A provider that cannot be asked shows by the next delivery whether it is."""
    try:
        accounts.provider_for(account).health()
    except NotImplementedError:
        return True
    except (OSError, SettingsError) as error:
        log.warning("account %s is still not well: %s", account.pk, type(error).__name__)
        return False
    except Exception:
        log.exception("account %s could not be asked", account.pk)
        return False
    return True
