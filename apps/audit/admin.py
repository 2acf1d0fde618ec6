"""The audit log as a page, and the base of every admin page on which a person changes something."""

import json
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.forms import BaseFormSet, ModelForm
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from apps.audit import changes
from apps.audit import services as audit
from apps.audit.models import VERBS, Entry
from apps.core import alerts
from apps.core.admin import BaseAdmin, ReadOnlyAdmin, run_each
from apps.core.models import Alert


class AuditedAdmin(BaseAdmin):
    """Every add, change and delete is in the audit log, in the transaction of the act: what was before and after."""

    def construct_change_message(
        self, request: HttpRequest, form: ModelForm, formsets: Sequence[BaseFormSet], add: bool = False
    ) -> list[dict[str, dict[str, Any]]]:
        # Where Django lets go of the forms; `log_change` gets names only.
        if isinstance(form, ModelForm):
            form.instance.audit_changes = {} if add else changes.of_form(form, formsets)
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)
        audit.record("create", obj, by=request.user)
        return entry

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        entry = super().log_change(request, obj, message)
        if message:
            told = getattr(obj, "audit_changes", None)
            told = {"changes": told} if told else {"fields": changed_names(message)}
            audit.record("change", obj, by=request.user, **told)
        return entry

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        audit.record("delete", obj, by=request.user)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        for obj in queryset:
            audit.record("delete", obj, by=request.user)
        super().delete_queryset(request, queryset)


def changed_names(message: list[dict[str, dict[str, Any]]] | str) -> list[str]:
    """Names out of Django's change message, never values; those of an inline row follow the name of its model."""
    if isinstance(message, str):
        return [message]
    names = []
    for part in message:
        for verb, what in part.items():
            prefix = f"{what['name']}: " if "name" in what else ""
            names += [f"{prefix}{field}" for field in what.get("fields", [verb])]
    return names


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["sequence", "at", "actor_name", "act", "object_type", "object_name", "door", "address"]
    list_filter = ["at", "verb", "door", "object_type"]
    search_fields = ["object_id__exact"]
    search_help_text = _("A login name, or a type and a number: message 7")
    ordering = ["-sequence"]
    fields = ["sequence", "at", "actor_name", "act", "object_type", "object_id", "object_name", "door", "address"]
    fields += ["before_and_after", "more", "signature"]

    def get_readonly_fields(self, request: HttpRequest, obj: Entry | None = None) -> list[str]:
        return self.fields

    @admin.display(description=_("before and after"))
    def before_and_after(self, entry: Entry) -> str:
        return render_to_string("audit/changes.html", {"changes": entry.details.get("changes", {})})

    @admin.display(description=_("details"))
    def more(self, entry: Entry) -> str:
        told = {name: value for name, value in entry.details.items() if name != "changes"}
        return json.dumps(told, ensure_ascii=False) if told else ""

    @admin.display(description=_("what"), ordering="verb")
    def act(self, entry: Entry) -> str:
        return VERBS.get(entry.verb, entry.verb)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet, search_term: str
    ) -> tuple[models.QuerySet, bool]:
        """`type id` finds what was done to one object (by index); anything else what one person did."""
        kind, _space, key = search_term.strip().partition(" ")
        if key:
            return queryset.filter(object_type__endswith=kind, object_id=key), False
        return (queryset.filter(actor_name=kind) if kind else queryset), False


class OpenOrSettled(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("settled", _("settled"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(settled_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Here and not beside its model, because whoever settles an alert is noted in the audit log."""

    list_display = ["what", "subject", "detail_words", "count", "first_at", "last_at", "settled_at"]
    list_filter = [OpenOrSettled, "kind"]
    search_fields = ["subject__exact"]
    ordering = ["-last_at", "-pk"]
    actions = ["settle"]
    fields = ["what", "subject", "detail_words", "count", "first_at", "last_at", "settled_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Alert | None = None) -> list[str]:
        return self.fields

    @admin.display(description=_("alert"), ordering="kind")
    def what(self, alert: Alert) -> str:
        return str(alerts.KINDS.get(alert.kind, alert.kind))

    @admin.display(description=_("detail"))
    def detail_words(self, alert: Alert) -> str:
        return alerts.words(alert.detail)

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("core.change_alert")

    @admin.action(description=_("Settle the selected alerts"), permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: models.QuerySet[Alert]) -> None:
        run_each(self, request, queryset, settle_alert, done=lambda alert: _("%s is settled.") % alert)


@transaction.atomic
def settle_alert(alert: Alert, *, by: AbstractBaseUser) -> None:
    """Somebody has seen to it; it opens again by itself if it happens again."""
    alerts.settle(alert.kind, alert.subject)
    audit.record("settle", alert, by=by)
