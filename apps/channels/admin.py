"""Channels and provider accounts are configured here."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext_lazy as _

from apps.accounts import rights
from apps.audit.admin import AuditedAdmin
from apps.channels import forms, services
from apps.channels.models import AccountEvent, Channel, ProviderAccount, SandboxMessage
from apps.channels.providers import PROVIDERS
from apps.core.admin import ReadOnlyAdmin, ReadOnlyInline, run_each
from apps.core.masking import masked


@admin.register(Channel)
class ChannelAdmin(AuditedAdmin):
    """The rules of a channel. A new one needs lanes and pools, so it comes with the code."""

    list_display = ["__str__", "key", "enabled", "paused_reason", "batch_size", "window", "max_attempts", "crash_rule"]
    list_filter = ["enabled"]
    actions = ["pause", "resume", "stop_all", "resume_all"]
    fields = ["key", "title", "enabled", "paused_reason", "address_kind", "every_address"]
    fields += ["batch_size", "window", "max_attempts", "crash_rule"]
    readonly_fields = ["key", "paused_reason", "address_kind", "every_address"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return rights.operates(request.user)

    @admin.action(description=_("Pause the selected channels"), permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        pause = partial(services.pause_channel, reason="")
        run_each(self, request, queryset, pause, done=lambda channel: _("%s is paused.") % channel)

    @admin.action(description=_("Resume the selected channels"), permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        run_each(self, request, queryset, services.resume_channel, done=lambda channel: _("%s goes on.") % channel)

    @admin.action(description=_("Stop everything, whatever is selected"), permissions=["operate"])
    def stop_all(self, request: HttpRequest, queryset: QuerySet[Channel]) -> HttpResponse:
        """The console asks once more."""
        return redirect("console:stop_all")

    @admin.action(description=_("Take the stop of everything back"), permissions=["operate"])
    def resume_all(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        services.resume_all(by=request.user)
        self.message_user(request, _("The channels that had been stopped go on."))


class LatestEvents(BaseInlineFormSet):
    """An account may have rested thousands of times."""

    SHOWN = 50

    def get_queryset(self) -> QuerySet[AccountEvent]:
        return super().get_queryset()[: self.SHOWN]


class AccountEventInline(ReadOnlyInline):
    model = AccountEvent
    formset = LatestEvents
    fields = readonly_fields = ["at", "kind", "reason", "by"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountEvent]:
        return super().get_queryset(request).select_related("by")


@admin.register(ProviderAccount)
class ProviderAccountAdmin(AuditedAdmin):
    list_display = ["name", "channel", "provider_label", "weight", "rate", "state", "updated_at"]
    list_filter = ["channel", "enabled"]
    list_select_related = ["channel"]
    search_fields = ["name"]
    ordering = ["channel", "pk"]
    actions = ["pause", "resume"]

    @admin.display(description=_("state"))
    def state(self, account: ProviderAccount) -> str:
        if not account.enabled:
            return _("switched off")
        if account.paused_reason:
            paused = _("paused: %s; resumes by itself") if account.recovers else _("paused: %s")
            return paused % account.paused_reason
        if account.rests_until and account.rests_until > timezone.now():
            return _("resting until %s") % time_format(timezone.localtime(account.rests_until), "H:i:s")
        return _("one delivery tries it") if account.rests_until else _("in use")

    @admin.display(description=_("provider"), ordering="provider")
    def provider_label(self, account: ProviderAccount) -> str:
        return PROVIDERS[account.provider].label if account.provider in PROVIDERS else account.provider

    def get_form(self, request: HttpRequest, obj: ProviderAccount | None = None, **kwargs: Any) -> type[ModelForm]:
        kwargs["form"] = forms.account_form(obj) if obj else forms.NewAccountForm
        return super().get_form(request, obj, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderAccount | None = None) -> list[str]:
        return ["channel", "provider_label", "state", "updated_at"] if obj else []

    def get_inlines(self, request: HttpRequest, obj: ProviderAccount | None) -> list[type[admin.TabularInline]]:
        return [AccountEventInline] if obj else []

    def get_fieldsets(self, request: HttpRequest, obj: ProviderAccount | None = None) -> list[tuple]:
        if obj is None:
            return [(None, {"fields": ["channel", "provider", "name"]})]
        account = ["channel", "provider_label", "name", "state", "updated_at", *forms.SHARE]
        names = [forms.PREFIX + item.name for item in forms.account_form(obj).schema]
        # Somebody who may only look sees that there are settings, not which.
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": account})]
        account.append("reason")
        if not names:
            return [(None, {"fields": account})]
        return [(None, {"fields": account}), (_("Settings"), {"fields": names})]

    def save_model(self, request: HttpRequest, obj: ProviderAccount, form: ModelForm, change: bool) -> None:
        """A new account is off until its settings are there."""
        if not change:
            obj.enabled = False
            return super().save_model(request, obj, form, change)
        # Not the whole row: its settings may have been changed meanwhile, or not be readable with today's key.
        obj.save(update_fields=["name", "updated_at"])
        services.adjust(obj, **form.share, reason=form.cleaned_data["reason"], by=request.user)
        if form.settings_changed:
            services.configure(obj, form.settings, by=request.user)
        return None

    def response_add(
        self, request: HttpRequest, obj: ProviderAccount, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to the settings."""
        request.POST = request.POST.copy()
        request.POST["_continue"] = "1"
        return super().response_add(request, obj, post_url_continue)

    @admin.action(description=_("Pause the selected accounts"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[ProviderAccount]) -> None:
        run_each(self, request, queryset, services.pause, done=lambda account: _("%s is paused.") % account)

    @admin.action(description=_("Resume the selected accounts"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[ProviderAccount]) -> None:
        run_each(self, request, queryset, services.resume, done=lambda account: _("%s is in use again.") % account)


@admin.register(SandboxMessage)
class SandboxMessageAdmin(ReadOnlyAdmin):
    list_display = ["at", "account", "title", "masked_addresses", "delivery_id", "attempt"]
    list_filter = ["account"]
    list_select_related = ["account__channel"]
    search_fields = ["key__exact"]
    ordering = ["-pk"]

    @admin.display(description=_("addresses"))
    def masked_addresses(self, row: SandboxMessage) -> str:
        return ", ".join(masked(address) for address in row.addresses)
