"""Which account a window leaves through."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from apps.channels import accounts
from apps.channels.models import Channel, ProviderAccount
from apps.channels.providers.base import Provider, Result, SettingsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """An account and its provider. `probe`: half-open, hand over one delivery only."""

    account: ProviderAccount
    provider: Provider
    probe: bool = False


def choose(channel: Channel, *, only: int | None = None) -> Way | None:
    account = accounts.active_account(channel)
    try:
        return Way(account, accounts.provider_for(account)) if account else None
    except SettingsError as error:
        log.error("channel %s: account %s cannot be used: %s", channel.key, account.pk, error)
        return None


def usable(channel: Channel) -> bool:
    return choose(channel) is not None


def another(way: Way) -> bool:
    return False


def report(way: Way, results: Sequence[Result]) -> None:
    pass
