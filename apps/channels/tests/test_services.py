"""Settings of provider accounts: secret at rest, checked before they are stored, in use at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from django.core import checks
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.tests.factories import a_user_with
from apps.audit.models import Entry
from apps.channels import accounts, services
from apps.channels.checks import check_channels
from apps.channels.models import Channel, ProviderAccount, SandboxMessage
from apps.channels.providers import sandbox
from apps.channels.providers.base import Accepted, Outgoing, SettingsError
from apps.core.errors import Conflict, InvalidInput, NotAllowed
from apps.directory.tests.factories import a_department, a_school

SECRET = "Wohl-gehütet-7"
SETTINGS = {"host": "mail.example.com", "username": "notice", "password": SECRET, "from_address": "notice@example.com"}


@pytest.fixture
def operator(db: None) -> User:
    return a_user_with("operator", a_school(), username="operator")


@pytest.fixture
def account(db: None) -> ProviderAccount:
    return ProviderAccount.objects.create(channel=Channel.objects.get(key="email"), name="school", provider="smtp")


@pytest.fixture
def configured(account: ProviderAccount, operator: User) -> ProviderAccount:
    return services.configure(account, SETTINGS, by=operator)


def stored_text(account: ProviderAccount) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret_settings FROM channels_provideraccount WHERE id = %s", [account.pk])
        return cursor.fetchone()[0]


def outgoing(key: str, address: str) -> Outgoing:
    return Outgoing(delivery_id=7, attempt=1, key=key, addresses=(address,), title="考" * 300, body="B204")


def test_settings_are_encrypted_at_rest_with_our_keys(configured: ProviderAccount) -> None:
    text = stored_text(configured)
    assert not any(value in text for value in SETTINGS.values())
    field = ProviderAccount._meta.get_field("secret_settings")
    assert json.loads(Fernet(field.keys[0]).decrypt(text)) == SETTINGS
    for name in ("SALT_KEY", "SECRET_KEY"):
        with override_settings(**{name: "another-key"}):
            assert type(field)().keys != field.keys


def test_an_empty_secret_keeps_the_stored_one_and_an_empty_text_unsets_it(
    configured: ProviderAccount, operator: User
) -> None:
    services.configure(configured, {**SETTINGS, "password": "", "username": ""}, by=operator)
    kept = {name: value for name, value in SETTINGS.items() if name != "username"}
    assert accounts.stored_settings(ProviderAccount.objects.get(pk=configured.pk)) == kept


def test_wrong_settings_change_nothing(configured: ProviderAccount, operator: User) -> None:
    before = stored_text(configured)
    with pytest.raises(SettingsError) as caught:
        services.configure(configured, {**SETTINGS, "host": "", "port": "many"}, by=operator)
    assert set(caught.value.errors) == {"host", "port"}
    assert stored_text(configured) == before
    assert Entry.objects.filter(verb="configure").count() == 1


def test_the_log_names_what_changed_and_never_its_value(configured: ProviderAccount, operator: User) -> None:
    services.configure(configured, {**SETTINGS, "password": "Another-8"}, by=operator)
    first, second = Entry.objects.filter(verb="configure").order_by("pk")
    assert first.details == {"settings": ["from_address", "host", "password", "username"]}
    assert second.details == {"settings": ["password"]}
    assert (second.actor_name, second.object_id) == ("operator", str(configured.pk))


def test_the_same_settings_again_are_no_act(configured: ProviderAccount, operator: User) -> None:
    services.configure(configured, SETTINGS, by=operator)
    assert Entry.objects.filter(verb="configure").count() == 1


def test_settings_of_another_key_are_entered_anew(configured: ProviderAccount, operator: User) -> None:
    ProviderAccount.objects.filter(pk=configured.pk).update(updated_at="2026-01-01T00:00:00Z")
    with connection.cursor() as cursor:
        lost = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
        cursor.execute("UPDATE channels_provideraccount SET secret_settings = %s WHERE id = %s", [lost, configured.pk])
    configured.refresh_from_db()
    with pytest.raises(SettingsError):
        accounts.provider_for(configured)
    services.configure(configured, SETTINGS, by=operator)
    assert accounts.provider_for(configured).settings["password"] == SECRET


def test_a_paused_account_is_not_used_until_it_is_resumed(operator: User) -> None:
    channel = Channel.objects.get(key="sms")
    (account,) = accounts.in_use(channel)
    services.pause(account, by=operator)
    assert accounts.in_use(channel) == []
    assert "operator" in account.paused_reason
    with pytest.raises(Conflict):
        services.pause(account, by=operator)
    services.resume(account, by=operator)
    assert accounts.in_use(channel) == [account]
    with pytest.raises(Conflict):
        services.resume(account, by=operator)
    assert list(Entry.objects.order_by("pk").values_list("verb", flat=True)) == ["pause", "resume"]


def test_a_reserve_is_used_where_there_is_nothing_else(account: ProviderAccount) -> None:
    oldest = account.channel.accounts.get(provider="sandbox")
    assert accounts.in_use(account.channel) == [oldest, account]
    ProviderAccount.objects.filter(pk=account.pk).update(weight=0)
    assert accounts.in_use(account.channel) == [oldest]
    ProviderAccount.objects.filter(pk=oldest.pk).update(enabled=False)
    assert accounts.in_use(account.channel) == [account]


def test_a_provider_is_made_once_and_again_after_a_change(configured: ProviderAccount, operator: User) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(accounts.provider_for, [configured] * 32))
    assert len(set(map(id, made))) == 1
    assert made[0].account_id == configured.pk
    services.configure(configured, {**SETTINGS, "host": "other.example.com"}, by=operator)
    assert accounts.provider_for(configured).settings["host"] == "other.example.com"


def test_a_provider_we_do_not_have_is_an_error_of_the_settings(account: ProviderAccount) -> None:
    account.provider = "pigeon"
    with pytest.raises(SettingsError, match="pigeon"):
        accounts.provider_for(account)


def test_the_sandbox_keeps_what_it_would_have_sent(db: None) -> None:
    account = Channel.objects.get(key="email").accounts.get(provider="sandbox")
    provider = accounts.provider_for(account)
    assert isinstance(provider.send([outgoing("k-1", "zhang.wei@example.com")])[0], Accepted)
    kept = SandboxMessage.objects.get()
    assert (kept.account, kept.delivery_id, kept.addresses) == (account, 7, ["zhang.wei@example.com"])
    assert len(kept.title) == 255
    assert sandbox.outbox.stored("k-1")
    assert not sandbox.outbox.stored("k-2")


def test_the_check_finds_accounts_that_cannot_be_used(configured: ProviderAccount) -> None:
    assert check_channels(databases=["default"]) == []
    ProviderAccount.objects.create(channel=configured.channel, name="empty", provider="smtp")
    ProviderAccount.objects.create(channel=configured.channel, name="unknown", provider="pigeon")
    ProviderAccount.objects.create(channel=configured.channel, name="off", provider="pigeon", enabled=False)
    found = check_channels(databases=["default"])
    assert [one.id for one in found] == ["channels.W001", "channels.W001"]
    assert SECRET not in str(found)


def test_the_check_finds_a_channel_of_an_unknown_kind_of_address(db: None) -> None:
    Channel.objects.create(key="pigeon", title="Pigeon", address_kind="loft")
    assert [one.id for one in check_channels(databases=["default"])] == ["channels.E001"]


def test_the_check_runs_only_when_the_database_is_asked_for(account: ProviderAccount) -> None:
    assert [one for one in checks.run_checks() if one.id == "channels.W001"] == []
    assert [one.id for one in checks.run_checks(databases=["default"]) if one.id == "channels.W001"]
    call_command("check", databases=["default"])


def test_pausing_and_resuming_are_kept_with_who_and_why(account: ProviderAccount, operator: User) -> None:
    services.pause(account, by=operator)
    services.resume(account, by=operator)
    kept = account.events.order_by("pk").values_list("kind", "by", "reason")
    assert [(kind, by) for kind, by, _reason in kept] == [("paused", operator.pk), ("resumed", operator.pk)]
    assert all("operator" in reason for _kind, _by, reason in kept)


def test_an_account_that_rests_can_be_resumed(account: ProviderAccount, operator: User) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(rests_until=timezone.now(), outages=4)
    services.resume(account, by=operator)
    assert (account.rests_until, account.outages) == (None, 0)


def test_a_person_may_make_our_pause_his_own(account: ProviderAccount, operator: User) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(paused_reason="401", recovers=True)
    services.pause(account, by=operator)
    account.refresh_from_db()
    assert not account.recovers
    assert "operator" in account.paused_reason
    with pytest.raises(Conflict):
        services.pause(account, by=operator)


def test_a_share_is_changed_with_a_reason_and_what_stays_is_no_event(account: ProviderAccount, operator: User) -> None:
    share = {"weight": 100, "rate": Decimal("2.50"), "enabled": True, "by": operator}
    with pytest.raises(InvalidInput):
        services.adjust(account, **share, reason=" ")
    services.adjust(account, **share, reason="tender")
    services.adjust(account, **share, reason="again")
    assert list(account.events.values_list("kind", "reason")) == [("rate", "– → 2.5: tender")]
    services.adjust(account, **{**share, "enabled": False, "weight": 0}, reason="end")
    account.refresh_from_db()
    assert (account.enabled, account.weight) == (False, 0)
    assert account.events.count() == 3


def test_what_did_not_happen_is_not_kept(account: ProviderAccount, operator: User) -> None:
    with transaction.atomic():
        services.pause(account, by=operator)
        transaction.set_rollback(True)
    assert not account.events.exists()


def test_only_who_operates_the_whole_school_touches_an_account(configured: ProviderAccount) -> None:
    school = a_school()
    share = {"weight": 7, "rate": None, "enabled": False, "reason": "why not"}
    for stranger in (a_user_with("operator", a_department(school)), a_user_with("author", school)):
        for act in (
            lambda by: services.configure(configured, SETTINGS, by=by),
            lambda by: services.adjust(configured, **share, by=by),
            lambda by: services.pause(configured, by=by),
            lambda by: services.resume(configured, by=by),
        ):
            with pytest.raises(NotAllowed):
                act(stranger)
    configured.refresh_from_db()
    assert (configured.enabled, configured.weight, configured.paused_reason) == (True, 100, "")


def test_a_pause_is_logged_with_before_and_after(account: ProviderAccount, operator: User) -> None:
    services.pause(account, by=operator)
    services.resume(account, by=operator)
    first, second = Entry.objects.filter(object_type="channels.provideraccount").order_by("pk")
    assert first.details["changes"]["paused_reason"][0] == second.details["changes"]["paused_reason"][1] == ""
    assert "operator" in first.details["changes"]["paused_reason"][1]
