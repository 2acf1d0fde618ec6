"""The accounts in use, and the providers made of them."""

import json
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.channels.models import Channel, ProviderAccount
from apps.channels.providers import PROVIDERS
from apps.channels.providers.base import Provider, SettingsError
from apps.channels.providers.sandbox import SandboxProvider

TEST_ACCOUNT = "sandbox for test keys"
SECRET_KINDS = frozenset({"secret", "multiline_secret"})

_lock = threading.Lock()
_made: dict[int, tuple[datetime, Provider]] = {}


def in_use(channel: Channel) -> list[ProviderAccount]:
    """The accounts this channel's deliveries leave through: reserves (weight 0) only where there is nothing else."""
    found = list(channel.accounts.filter(enabled=True, paused_reason="").order_by("pk"))
    return [one for one in found if one.weight] or found


def sandbox_of(channel: Channel) -> ProviderAccount:
    """The account test messages go to, whatever other accounts the channel has; made where there is none."""
    found = channel.accounts.filter(provider=SandboxProvider.key).order_by("pk").first()
    if found:
        return found
    fields = {"enabled": False, "weight": 0}
    return channel.accounts.get_or_create(provider=SandboxProvider.key, name=TEST_ACCOUNT, defaults=fields)[0]


def provider_for(account: ProviderAccount) -> Provider:
    """The provider of the account, made once per process and again when the account has changed.

    Raises `SettingsError` where the settings do not fit.
    """
    with _lock:
        version, provider = _made.get(account.pk, (None, None))
        if provider is None or version != account.updated_at:
            kind = provider_class(account.provider)
            provider = kind(settings=stored_settings(account), account_id=account.pk)
            _made[account.pk] = account.updated_at, provider
        return provider


def provider_class(key: str) -> type[Provider]:
    """Raises `SettingsError` for a provider we do not have."""
    if key not in PROVIDERS:
        raise SettingsError({"provider": _("There is no provider %s.") % key})
    return PROVIDERS[key]


def stored_settings(account: ProviderAccount) -> dict[str, Any]:
    """The settings with their secrets. Raises `SettingsError` where they were encrypted with another key."""
    try:
        return json.loads(account.secret_settings or "{}")
    except ValueError:
        # The field hands out what it cannot decrypt as it stands in the database.
        problem = _("The stored settings cannot be read with this installation's key.")
        raise SettingsError({"provider": problem}) from None


def readable_settings(account: ProviderAccount) -> dict[str, Any]:
    """As `stored_settings`, but empty where they cannot be read: then everything has to be entered anew."""
    try:
        return stored_settings(account)
    except SettingsError:
        return {}


def merged_settings(account: ProviderAccount, entered: Mapping[str, Any]) -> dict[str, Any]:
    """What was entered in place of what is stored; an empty secret keeps the stored one, any other is unset."""
    stored = readable_settings(account)
    secrets = {item.name for item in provider_class(account.provider).schema if item.kind in SECRET_KINDS}
    kept = {name: stored[name] for name in secrets & stored.keys() if entered.get(name) in (None, "")}
    return {name: value for name, value in {**entered, **kept}.items() if value not in (None, "")}
