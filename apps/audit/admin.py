"""The audit log as a page, and the base of every admin page on which a person changes something."""

import json
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import NestedObjects, flatten_fieldsets
from django.contrib.auth.models import AbstractBaseUser
from django.db import models, router, transaction
from django.forms import BaseFormSet, ModelForm
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from apps.audit import changes
from apps.audit import services as audit
from apps.audit.models import VERBS, Entry
from apps.core import alerts
from apps.core.admin import BaseAdmin, ReadOnlyAdmin, run_each
from apps.core.errors import NotAllowed
from apps.core.models import Alert


class AuditedAdmin(BaseAdmin):
    """Every add, change and delete is in the audit log, in the transaction of the act: what was before and after."""

    def construct_change_message(
        self, request: HttpRequest, form: ModelForm, formsets: Sequence[BaseFormSet], add: bool = False
    ) -> list[dict[str, dict[str, Any]]]:
        # Where Django lets go of the forms; `log_change` gets names only. That of a password has no instance.
        if isinstance(form, ModelForm):
            form.instance.audit_changes = {} if add else changes.of_form(form, formsets)
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)
        audit.record("create", obj, by=request.user, changes=changes.of_addresses(obj))
        return entry

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        entry = super().log_change(request, obj, message)
        if message:
            told = getattr(obj, "audit_changes", None)
            told = {"changes": told} if told else {"fields": changed_names(message)}
            audit.record("change", obj, by=request.user, **told)
        return entry

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        note_deleted([obj], by=request.user)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        note_deleted(list(queryset), by=request.user)
        super().delete_queryset(request, queryset)


def note_deleted(rows: Sequence[models.Model], *, by: AbstractBaseUser) -> None:
    """That they are deleted, and what goes with them that has a line of its own (`audited_apart` of its model)."""
    for row in rows:
        audit.record("delete", row, by=by, changes=changes.of_addresses(row, gone=True))
    going = NestedObjects(using=router.db_for_write(type(rows[0]))) if rows else None
    if going:
        going.collect(rows)
        apart = [row for model, found in going.data.items() if getattr(model, "audited_apart", False) for row in found]
        for row in sorted({*apart} - {*rows}, key=lambda one: (one._meta.label, one.pk)):
            told = changes.of_addresses(row, gone=True)
            audit.record("delete", row, by=by, changes=told, along_with=rows[0]._meta.label_lower)


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


class VerbFilter(admin.SimpleListFilter):
    """In words; Django's would ask the whole log which verbs there are."""

    title = _("what")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return sorted(VERBS.items(), key=lambda item: str(item[1]))

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(verb=self.value()) if self.value() else queryset


class KindFilter(admin.SimpleListFilter):
    title = _("object type")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        found = (model._meta for model in model_admin.admin_site._registry)
        return sorted(((meta.label_lower, meta.verbose_name) for meta in found), key=lambda item: str(item[1]))

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(object_type=self.value()) if self.value() else queryset


def kind_words(label: str) -> str:
    """What the model is called; one that is gone by now stands for itself."""
    try:
        return str(apps.get_model(label)._meta.verbose_name)
    except LookupError:
        return label


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["sequence", "at", "who", "act", "kind", "object_name", "summary", "door", "address"]
    list_display_links = ["sequence", "at"]
    list_filter = ["at", VerbFilter, "door", KindFilter]
    search_fields = ["object_id__exact"]
    search_help_text = _("A login name, or a type and a number: message 7")
    ordering = ["-sequence"]
    fieldsets = [
        (None, {"fields": ["at", "who", "act", "kind", "object_link", "door", "address"]}),
        (_("Before and after"), {"fields": ["before_and_after", "more"]}),
        (_("Chain"), {"fields": ["sequence", "previous", "signature"], "classes": ["collapse"]}),
    ]

    class Media:
        css = {"all": ["audit/log.css"]}

    def get_readonly_fields(self, request: HttpRequest, obj: Entry | None = None) -> list[str]:
        return flatten_fieldsets(self.fieldsets)

    @admin.display(description=_("who"), ordering="actor_name")
    def who(self, entry: Entry) -> str:
        """A key of a school system beside its owner."""
        key = entry.details.get("key")
        return f"{entry.actor_name} ({key})" if key else entry.actor_name

    @admin.display(description=_("object type"), ordering="object_type")
    def kind(self, entry: Entry) -> str:
        return kind_words(entry.object_type)

    @admin.display(description=_("object"))
    def object_link(self, entry: Entry) -> str:
        """To its page, if there is one and it is still there."""
        app, _dot, model = entry.object_type.partition(".")
        try:
            page = reverse(f"admin:{app}_{model}_change", args=[entry.object_id])
        except NoReverseMatch:
            return entry.object_name
        return format_html('<a href="{}">{}</a> ({})', page, entry.object_name or entry.object_id, entry.object_id)

    @admin.display(description=_("changed"))
    def summary(self, entry: Entry) -> str:
        return Truncator(", ".join(map(str, entry.details.get("changes", ())))).chars(60)

    @admin.display(description=_("before and after"))
    def before_and_after(self, entry: Entry) -> str:
        return render_to_string("audit/changes.html", {"changes": entry.details.get("changes", {})})

    @admin.display(description=_("details"))
    def more(self, entry: Entry) -> str:
        told = {name: value for name, value in entry.details.items() if name not in ("changes", "key")}
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
    """Somebody has seen to it; it opens again by itself if it happens again. Raises `NotAllowed`."""
    if not by.has_perm("core.change_alert"):
        raise NotAllowed()
    alerts.settle(alert.kind, alert.subject)
    audit.record("settle", alert, by=by)
