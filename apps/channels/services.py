"""Every act on a provider account, and the brakes: a channel paused, or all of them at once."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts import rights
from apps.accounts.models import User
from apps.audit import changes
from apps.audit import services as audit
from apps.channels import accounts
from apps.channels.models import AccountEvent, Channel, ProviderAccount
from apps.core import alerts
from apps.core.db import transactional
from apps.core.errors import Conflict, InvalidInput, NotAllowed

Kind = AccountEvent.Kind
REASON_LENGTH = AccountEvent._meta.get_field("reason").max_length
PAUSED_LENGTH = ProviderAccount._meta.get_field("paused_reason").max_length
#: How the reason of a channel begins that was paused with all the others: `resume_all` takes back nothing else.
STOPPED = "■ "
MAX_REASON = Channel._meta.get_field("paused_reason").max_length


@transactional
def configure(account: ProviderAccount, settings: Mapping[str, Any], *, by: User | None) -> ProviderAccount:
    """Replace the settings; an empty secret keeps the stored one. Raises `SettingsError` or `NotAllowed`; then nothing
    is stored. `by` None: the operator at the machine.
    """
    if by:
        _require_operator(by)
    _lock(account)
    before = accounts.readable_settings(account)
    after = accounts.merged_settings(account, settings)
    accounts.provider_class(account.provider).clean(after)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed or account.secret_settings is None:
        account.secret_settings = json.dumps(after)
        if account.recovers:
            # New settings may be what it has waited for: ask it now.
            account.rests_until = None
        account.save(update_fields=["secret_settings", "rests_until", "updated_at"])
        audit.record("configure", account, by=by, settings=changed)
    return account


@transactional
def adjust(
    account: ProviderAccount, *, weight: int, rate: Decimal | None, enabled: bool, reason: str, by: User
) -> ProviderAccount:
    """Change an account's share of its channel. Raises `NotAllowed`, or `InvalidInput` for a change without reason."""
    _require_operator(by)
    _lock(account)
    switched = Kind.ENABLED if enabled else Kind.DISABLED
    wanted = {"weight": (Kind.WEIGHT, weight), "rate": (Kind.RATE, rate), "enabled": (switched, enabled)}
    changed = {name: (getattr(account, name), *each) for name, each in wanted.items()}
    changed = {name: (before, kind, after) for name, (before, kind, after) in changed.items() if before != after}
    if changed and not reason.strip():
        raise InvalidInput(_("Say why, please."), field="reason")
    for name, (before, kind, after) in changed.items():
        setattr(account, name, after)
        note(account, kind, reason if name == "enabled" else f"{_number(before)} → {_number(after)}: {reason}", by=by)
    if changed:
        account.save(update_fields=[*changed, "updated_at"])
    return account


@transactional
def pause(account: ProviderAccount, *, by: User) -> ProviderAccount:
    """Nothing more leaves through this account until it is resumed; what is due waits.

    Of an account that we paused ourselves it makes one that does not come back by itself.
    """
    _require_operator(by)
    _lock(account)
    if account.paused_reason and not account.recovers:
        raise Conflict(_("This account is paused already."))
    reason = _("paused by %s") % by.get_username()
    note(account, Kind.PAUSED, reason, by=by)
    return _set_paused(account, reason, verb="pause", by=by)


@transactional
def resume(account: ProviderAccount, *, by: User) -> ProviderAccount:
    """In use at once, whoever or whatever paused it or had it rest."""
    _require_operator(by)
    _lock(account)
    if not account.paused_reason and account.rests_until is None:
        raise Conflict(_("This account is not paused."))
    note(account, Kind.RESUMED, _("resumed by %s") % by.get_username(), by=by)
    return _set_paused(account, "", verb="resume", by=by)


def note(account: ProviderAccount, kind: Kind, reason: str, *, by: User | None = None) -> AccountEvent:
    """Keep a change of an account with its reason, in the transaction of the change; our own pause is an alert."""
    if kind == Kind.PAUSED and by is None:
        alerts.raise_alert(alerts.Kind.ACCOUNT_PAUSED, alert_subject(account), reason)
    elif kind == Kind.RESUMED:
        alerts.settle(alerts.Kind.ACCOUNT_PAUSED, alert_subject(account))
    return AccountEvent.objects.create(account=account, kind=kind, reason=reason[:REASON_LENGTH], by=by)


def alert_subject(account: ProviderAccount) -> str:
    return f"account {account.pk}"


def _set_paused(account: ProviderAccount, reason: str, *, verb: str, by: User) -> ProviderAccount:
    told = _told(account, reason[:PAUSED_LENGTH])
    account.paused_reason = reason[:PAUSED_LENGTH]
    account.recovers, account.rests_until, account.outages = False, None, 0
    account.save(update_fields=["paused_reason", "recovers", "rests_until", "outages", "updated_at"])
    audit.record(verb, account, by=by, changes=told)
    return account


def _number(value: int | Decimal | None) -> str:
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _lock(account: ProviderAccount) -> None:
    ProviderAccount.objects.select_for_update().get(pk=account.pk)
    account.refresh_from_db()


@transactional
def pause_channel(channel: Channel, *, reason: str, by: User) -> Channel:
    """Nothing more leaves over this channel until it is resumed; what is due waits, whatever message it is of."""
    _require_operator(by)
    _lock_channel(channel)
    if not channel.delivers:
        raise InvalidInput(_("Nothing of this channel leaves the house, so there is nothing to pause."))
    if channel.paused_reason:
        raise Conflict(_("This channel is paused already."))
    return _set_channel(channel, _reason(reason, by), verb="pause", by=by)


@transactional
def resume_channel(channel: Channel, *, by: User) -> Channel:
    _require_operator(by)
    _lock_channel(channel)
    if not channel.paused_reason:
        raise Conflict(_("This channel is not paused."))
    return _set_channel(channel, "", verb="resume", by=by)


@transactional
def stop_all(*, reason: str, by: User | None) -> list[Channel]:
    """The panic stop: pause every channel that leaves the house and is not paused yet. `by` None: the operator.

    Returns the channels stopped; stopping what stands still already is no error.
    """
    if by:
        _require_operator(by)
    stopped = list(_leaving().filter(paused_reason=""))
    text = (STOPPED + _reason(reason, by))[:MAX_REASON]
    Channel.objects.filter(pk__in=[one.pk for one in stopped], paused_reason="").update(paused_reason=text)
    return _note_all(stopped, "stop_all", by=by, reason=text)


@transactional
def resume_all(*, by: User | None) -> list[Channel]:
    """Take the panic stop back. A channel that was paused by itself before or since stays paused."""
    if by:
        _require_operator(by)
    resumed = list(_leaving().filter(paused_reason__startswith=STOPPED))
    Channel.objects.filter(pk__in=[one.pk for one in resumed]).update(paused_reason="")
    return _note_all(resumed, "resume_all", by=by, reason="")


def _leaving() -> QuerySet[Channel]:
    return Channel.objects.exclude(address_kind="")


def _note_all(channels: list[Channel], verb: str, *, by: User | None, reason: str) -> list[Channel]:
    for channel in channels:
        told = _told(channel, reason)
        channel.paused_reason = reason
        audit.record(verb, channel, by=by, changes=told)
    return channels


def _set_channel(channel: Channel, reason: str, *, verb: str, by: User) -> Channel:
    told = _told(channel, reason)
    channel.paused_reason = reason
    channel.save(update_fields=["paused_reason"])
    audit.record(verb, channel, by=by, changes=told)
    return channel


def _told(row: Channel | ProviderAccount, reason: str) -> dict[str, list[object]]:
    return changes.shown(type(row), {"paused_reason": (row.paused_reason, reason)})


def _reason(reason: str, by: User | None) -> str:
    words = reason.strip() or _("paused by %s") % (by.get_username() if by else "msgcenter")
    return words[:MAX_REASON]


def _lock_channel(channel: Channel) -> None:
    Channel.objects.select_for_update().get(pk=channel.pk)
    channel.refresh_from_db()


def _require_operator(user: User) -> None:
    if not rights.operates(user):
        raise NotAllowed()
