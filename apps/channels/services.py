"""Every act on a provider account."""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit import services as audit
from apps.channels import accounts
from apps.channels.models import ProviderAccount
from apps.core.db import transactional
from apps.core.errors import Conflict


@transactional
def configure(account: ProviderAccount, settings: Mapping[str, Any], *, by: User | None) -> ProviderAccount:
    """Replace the settings; an empty secret keeps the stored one. Raises `SettingsError`; then nothing is stored."""
    _lock(account)
    before = accounts.readable_settings(account)
    after = accounts.merged_settings(account, settings)
    accounts.provider_class(account.provider).clean(after)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed or account.secret_settings is None:
        account.secret_settings = json.dumps(after)
        account.save(update_fields=["secret_settings", "updated_at"])
        audit.record("configure", account, by=by, settings=changed)
    return account


@transactional
def pause(account: ProviderAccount, *, by: User) -> ProviderAccount:
    """Nothing more leaves through this account until it is resumed; what is due waits."""
    _lock(account)
    if account.paused_reason:
        raise Conflict(_("This account is paused already."))
    return _set_reason(account, _("paused by %s") % by.get_username(), verb="pause", by=by)


@transactional
def resume(account: ProviderAccount, *, by: User) -> ProviderAccount:
    _lock(account)
    if not account.paused_reason:
        raise Conflict(_("This account is not paused."))
    return _set_reason(account, "", verb="resume", by=by)


def _set_reason(account: ProviderAccount, reason: str, *, verb: str, by: User) -> ProviderAccount:
    account.paused_reason = reason[:200]
    account.save(update_fields=["paused_reason", "updated_at"])
    audit.record(verb, account, by=by)
    return account


def _lock(account: ProviderAccount) -> None:
    ProviderAccount.objects.select_for_update().get(pk=account.pk)
    account.refresh_from_db()
