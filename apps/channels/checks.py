"""Whether the channels and accounts in the database make sense. Runs with `check --database default` and `migrate`."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from apps.channels import accounts
from apps.channels.models import Channel, ProviderAccount
from apps.channels.providers.base import SettingsError
from apps.directory.models import ContactPoint


@register(Tags.database)
def check_channels(databases: list[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    if not databases:
        return []
    try:
        return [*_unknown_address_kinds(), *_unfit_accounts()]
    except DatabaseError:
        return []  # before the first migration there are no tables


def _unknown_address_kinds() -> list[CheckMessage]:
    return [
        Error(
            f"Channel {channel.key!r} sends to addresses of an unknown kind, {channel.address_kind!r}.",
            hint=f"Known kinds: {', '.join(ContactPoint.Kind)}.",
            id="channels.E001",
        )
        for channel in Channel.objects.exclude(address_kind__in=["", *ContactPoint.Kind])
    ]


def _unfit_accounts() -> list[CheckMessage]:
    found = []
    for account in ProviderAccount.objects.filter(enabled=True).select_related("channel"):
        try:
            accounts.provider_class(account.provider).clean(accounts.stored_settings(account))
        except SettingsError as error:
            found.append(
                Warning(
                    f"Provider account {account.pk} ({account.provider}) cannot be used: {error}",
                    hint="Correct its settings in the admin, or switch it off.",
                    id="channels.W001",
                )
            )
    return found
