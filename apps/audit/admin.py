"""The audit log as a page, and the base of every admin page on which a person changes something."""

from typing import Any

from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.audit import services as audit
from apps.audit.models import VERBS, Entry
from apps.core.admin import BaseAdmin, ReadOnlyAdmin


class AuditedAdmin(BaseAdmin):
    """Every add, change and delete is in the audit log, in the transaction of the act: what changed, not to what."""

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        audit.record("create", obj, by=request.user)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        if message:
            audit.record("change", obj, by=request.user, fields=changed_names(message))
        return super().log_change(request, obj, message)

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
    list_display = ["at", "actor_name", "act", "object_type", "object_name"]
    list_filter = ["at", "verb"]
    search_fields = ["object_id__exact"]
    ordering = ["-pk"]

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
