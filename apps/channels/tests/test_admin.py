"""Channels and provider accounts are configured in the admin, and no secret comes back out of it."""

from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.tests.factories import a_user_with
from apps.audit.models import Entry
from apps.channels import accounts, services
from apps.channels.models import AccountEvent, Channel, ProviderAccount
from apps.directory.models import OrgUnit
from apps.directory.tests.factories import a_department, a_school

SECRET = "Wohl-gehütet-7"
PEM = "-----BEGIN CERTIFICATE-----"
LIST = "admin:channels_provideraccount_changelist"
NO_EVENTS = {"events-TOTAL_FORMS": "0", "events-INITIAL_FORMS": "0"}
POSTED = {
    "name": "school",
    "enabled": "on",
    "weight": "100",
    "rate": "",
    "reason": "new",
    "setting_host": "mail.example.com",
    "setting_port": "465",
    "setting_security": "ssl",
    "setting_username": "notice",
    "setting_password": SECRET,
    "setting_from_address": "notice@example.com",
    **NO_EVENTS,
}
SHARE = {"name": "school", "weight": "100", "reason": "moved", **NO_EVENTS}


@pytest.fixture
def account(db: None) -> ProviderAccount:
    channel = Channel.objects.get(key="email")
    return ProviderAccount.objects.create(channel=channel, name="school", provider="smtp", enabled=False)


def page_of(account: ProviderAccount) -> str:
    return reverse("admin:channels_provideraccount_change", args=[account.pk])


def client_of(role: str, unit: OrgUnit) -> Client:
    client = Client()
    client.force_login(a_user_with(role, unit, username="operator"))
    return client


def entries_of(account: ProviderAccount) -> QuerySet[Entry]:
    return Entry.objects.filter(object_type="channels.provideraccount", object_id=account.pk).order_by("pk")


def run_action(client: Client, action: str, account: ProviderAccount) -> int:
    return client.post(reverse(LIST), {"action": action, "_selected_action": [account.pk]}).status_code


def test_a_new_account_is_off_and_asks_for_its_settings_next(admin_client: Client) -> None:
    email = Channel.objects.get(key="email")
    posted = {"channel": email.pk, "provider": "smtp", "name": "school"}
    answer = admin_client.post(reverse("admin:channels_provideraccount_add"), posted)
    account = ProviderAccount.objects.get(name="school")
    assert answer.url == page_of(account)
    assert not account.enabled
    page = admin_client.get(answer.url).content.decode()
    assert all(f'name="{name}"' in page for name in POSTED)
    assert entries_of(account).filter(verb="create", actor_name="admin").exists()


@pytest.mark.parametrize(("channel", "provider"), [("email", "twilio"), ("inbox", "sandbox"), ("email", "pigeon")])
def test_a_provider_must_serve_the_channel(channel: str, provider: str, admin_client: Client) -> None:
    posted = {"channel": Channel.objects.get(key=channel).pk, "provider": provider, "name": "wrong"}
    page = admin_client.post(reverse("admin:channels_provideraccount_add"), posted)
    assert page.status_code == 200
    assert page.context["adminform"].form.errors
    assert not ProviderAccount.objects.filter(name="wrong").exists()


def test_settings_are_stored_typed_and_logged_by_name(account: ProviderAccount, admin_client: Client) -> None:
    assert admin_client.post(page_of(account), POSTED).status_code == 302
    account.refresh_from_db()
    assert account.enabled
    stored = accounts.stored_settings(account)
    assert (stored["port"], stored["password"]) == (465, SECRET)
    assert accounts.provider_for(account).settings["host"] == "mail.example.com"
    logged = list(entries_of(account).values_list("verb", "details"))
    names = sorted(name.removeprefix("setting_") for name in POSTED if name.startswith("setting_"))
    assert logged[0] == ("configure", {"settings": names})
    assert SECRET not in str(logged)
    assert "mail.example.com" not in str(logged)


def test_input_62_a_secret_is_written_and_never_shown(account: ProviderAccount, admin_client: Client) -> None:
    admin_client.post(page_of(account), {**POSTED, "setting_ca_certificate": PEM})
    for answer in (
        admin_client.get(page_of(account)),
        admin_client.get(reverse(LIST)),
        admin_client.get(reverse("admin:channels_provideraccount_history", args=[account.pk])),
        admin_client.post(page_of(account), {**POSTED, "setting_ca_certificate": PEM, "setting_port": "many"}),
    ):
        assert answer.status_code == 200
        page = answer.content.decode()
        assert SECRET not in page
        assert PEM not in page
        assert "secret_settings" not in page


def test_the_form_says_whether_a_secret_is_set(account: ProviderAccount, admin_client: Client) -> None:
    admin_client.cookies["django_language"] = "en"
    assert "Not set." in admin_client.get(page_of(account)).content.decode()
    admin_client.post(page_of(account), {**POSTED, "setting_ca_certificate": PEM})
    page = admin_client.get(page_of(account)).content.decode()
    assert "Not set." not in page
    assert page.count("Set; leave empty to keep it.") == 2


def test_an_empty_secret_keeps_the_stored_one(account: ProviderAccount, admin_client: Client) -> None:
    admin_client.post(page_of(account), POSTED)
    admin_client.post(page_of(account), {**POSTED, "setting_password": "", "setting_host": "other.example.com"})
    account.refresh_from_db()
    stored = accounts.stored_settings(account)
    assert (stored["password"], stored["host"]) == (SECRET, "other.example.com")


def test_wrong_settings_are_errors_of_their_fields(account: ProviderAccount, admin_client: Client) -> None:
    page = admin_client.post(page_of(account), {**POSTED, "setting_host": "", "setting_from_address": ""})
    errors = page.context["adminform"].form.errors
    assert set(errors) == {"setting_host", "setting_from_address"}
    account.refresh_from_db()
    assert not account.enabled
    assert accounts.stored_settings(account) == {}


def test_an_account_of_a_lost_provider_can_be_switched_off(account: ProviderAccount, admin_client: Client) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(provider="pigeon", enabled=True)
    assert admin_client.post(page_of(account), {**SHARE, "enabled": "on"}).status_code == 200
    assert admin_client.post(page_of(account), SHARE).status_code == 302
    account.refresh_from_db()
    assert not account.enabled


def test_switching_off_an_account_of_another_key_leaves_its_settings_alone(
    account: ProviderAccount, admin_client: Client
) -> None:
    lost = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE channels_provideraccount SET secret_settings = %s, enabled = 1", [lost])
    shown = admin_client.get(page_of(account)).context["adminform"].form
    posted = {name: value for name in shown.fields if (value := shown[name].value()) not in (None, False)}
    del posted["enabled"]
    posted.update(NO_EVENTS, reason="moved")
    assert admin_client.post(page_of(account), posted).status_code == 302
    account.refresh_from_db()
    assert not account.enabled
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret_settings FROM channels_provideraccount WHERE id = %s", [account.pk])
        assert cursor.fetchone() == (lost,)


def test_accounts_are_paused_and_resumed_by_action(admin_client: Client) -> None:
    account = ProviderAccount.objects.get(channel__key="sms")
    assert run_action(admin_client, "pause", account) == 302
    account.refresh_from_db()
    assert "admin" in account.paused_reason
    page = admin_client.get(reverse(LIST)).content.decode()
    assert "messagelist" in page
    run_action(admin_client, "resume", account)
    account.refresh_from_db()
    assert account.paused_reason == ""
    run_action(admin_client, "resume", account)
    assert list(entries_of(account).values_list("verb", flat=True)) == ["pause", "resume"]


def test_operators_of_the_whole_school_keep_accounts_and_others_do_not_even_see_them(
    account: ProviderAccount, admin_client: Client
) -> None:
    admin_client.post(page_of(account), POSTED)
    school = a_school()
    for role, unit in (("operator", a_department(school)), ("auditor", school), ("approver", school)):
        client = Client()
        client.force_login(a_user_with(role, unit))
        assert run_action(client, "pause", account) == 403
        assert client.get(reverse(LIST)).status_code == 403
        assert client.post(page_of(account), POSTED).status_code == client.get(page_of(account)).status_code == 403
    account.refresh_from_db()
    assert account.paused_reason == ""
    assert run_action(client_of("operator", school), "pause", account) == 302
    account.refresh_from_db()
    assert "operator" in account.paused_reason


def test_a_stranger_to_the_admin_is_sent_to_log_in(account: ProviderAccount, client: Client) -> None:
    client.force_login(User.objects.create_user("teacher"))
    assert client.get(page_of(account)).status_code == 302
    assert run_action(client, "pause", account) == 302
    account.refresh_from_db()
    assert account.paused_reason == ""


def test_a_channel_is_changed_but_neither_added_nor_deleted(admin_client: Client) -> None:
    sms = Channel.objects.get(key="sms")
    posted = {"title": "SMS", "batch_size": 20, "window": 2, "max_attempts": 3, "crash_rule": "never"}
    admin_client.post(reverse("admin:channels_channel_change", args=[sms.pk]), posted)
    sms.refresh_from_db()
    assert (sms.batch_size, sms.enabled, sms.address_kind) == (20, False, "mobile")
    entry = Entry.objects.get(verb="change")
    assert sorted(entry.details["changes"]) == ["batch_size", "enabled", "max_attempts", "window"]
    assert entry.details["changes"]["batch_size"][1] == 20
    assert admin_client.get(reverse("admin:channels_channel_add")).status_code == 403
    assert admin_client.post(reverse("admin:channels_channel_delete", args=[sms.pk])).status_code == 403


def page_fields(client: Client, account: ProviderAccount) -> dict[str, object]:
    """What the browser sends when the page of the account is saved as it is."""
    context = client.get(page_of(account)).context
    form = context["adminform"].form
    posted = {name: value for name in form.fields if (value := form[name].value()) not in (None, False)}
    for inline in context["inline_admin_formsets"]:
        management = inline.formset.management_form
        posted |= {management[name].html_name: management[name].value() for name in management.fields}
        posted |= {
            one["id"].html_name: one["id"].value() for one in inline.formset.forms if one["id"].value() is not None
        }
    return posted


def events_of(account: ProviderAccount) -> list[tuple[str, str, str | None]]:
    return list(account.events.order_by("pk").values_list("kind", "reason", "by__username"))


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        ({"weight": "20"}, "weight", "100 → 20: cheaper"),
        ({"rate": "2.50"}, "rate", "– → 2.5: cheaper"),
        ({"enabled": ""}, "disabled", "cheaper"),
    ],
)
def test_weight_rate_and_use_change_with_a_reason_only(
    account: ProviderAccount, admin_client: Client, change: dict[str, str], kind: str, reason: str
) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(enabled=True, provider="sandbox")
    account.refresh_from_db()
    posted = page_fields(admin_client, account) | change
    refused = admin_client.post(page_of(account), posted)
    assert list(refused.context["adminform"].form.errors) == ["reason"]
    assert events_of(account) == []
    assert admin_client.post(page_of(account), posted | {"reason": "cheaper"}).status_code == 302
    assert events_of(account) == [(kind, reason, "admin")]
    shown = admin_client.get(page_of(account)).content.decode()
    assert reason in shown


def test_a_change_that_is_refused_leaves_no_event(account: ProviderAccount, admin_client: Client) -> None:
    posted = {**POSTED, "weight": "1001", "reason": "more"}
    assert admin_client.post(page_of(account), posted).status_code == 200
    assert admin_client.post(page_of(account), {**POSTED, "rate": "0", "reason": "none"}).status_code == 200
    assert events_of(account) == []


def test_the_page_is_saved_while_events_come_in(account: ProviderAccount, admin_client: Client) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(provider="sandbox")
    for number in range(60):
        services.note(account, AccountEvent.Kind.RESTED, f"outage {number}")
    shown = admin_client.get(page_of(account)).content.decode()
    assert "outage 59" in shown
    assert "outage 9 " not in shown
    posted = page_fields(admin_client, account) | {"name": "renamed"}
    services.note(account, AccountEvent.Kind.RECOVERED, "")
    assert admin_client.post(page_of(account), posted).status_code == 302
    account.refresh_from_db()
    assert account.name == "renamed"
    assert account.events.count() == 61


def test_events_are_neither_changed_nor_added(account: ProviderAccount, admin_client: Client) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(provider="sandbox")
    event = services.note(account, AccountEvent.Kind.RESTED, "an outage")
    posted = page_fields(admin_client, account)
    posted |= {
        "events-TOTAL_FORMS": "2",
        "events-0-reason": "nothing",
        "events-1-reason": "nothing",
        "events-0-DELETE": "on",
    }
    admin_client.post(page_of(account), posted)
    assert list(account.events.values_list("pk", "reason")) == [(event.pk, "an outage")]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    ("values", "en", "zh"),
    [
        ({}, "in use", "使用中"),
        ({"enabled": False}, "switched off", "已停用"),
        ({"paused_reason": "balance"}, "paused: balance", "已暂停：balance"),
        ({"paused_reason": "401", "recovers": True}, "resumes by itself", "恢复后自动启用"),
        ({"rests_until": datetime(2126, 1, 1, 4, 30, tzinfo=UTC)}, "resting until 12:30:00", "暂歇至 12:30:00"),
        ({"rests_until": datetime(2026, 1, 1, tzinfo=UTC)}, "one delivery tries it", "正以一条投递试探"),
    ],
)
def test_the_list_says_how_an_account_is(
    admin_client: Client, language: str, values: dict[str, object], en: str, zh: str
) -> None:
    ProviderAccount.objects.filter(channel__key="email").update(**values)
    admin_client.cookies["django_language"] = language
    page = admin_client.get(reverse(LIST)).content.decode()
    assert (en if language == "en" else zh) in page
    assert (zh if language == "en" else en) not in page
