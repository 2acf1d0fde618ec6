"""Roster imports in the admin: upload, look at the diff, correct the columns, apply or discard."""

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import ForeignKey, Model
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from apps.core.admin import BaseAdmin
from apps.core.errors import MsgcenterError, UnreadableFile
from apps.directory.models import Person, RosterChange, RosterImport
from apps.directory.roster import reading, services
from apps.directory.roster.columns import IGNORED, Field
from apps.directory.roster.services import Options

State = RosterImport.State
#: What a line of the diff may speak of besides the columns of a roster.
NAMES = {
    **dict(Field.choices),
    "unit": gettext_lazy("org unit"),
    "guardians": gettext_lazy("guardians"),
}
WORDS = {**dict(Person.State.choices), **dict(Person.Kind.choices)}


class UploadForm(forms.ModelForm):
    file = forms.FileField(
        label=gettext_lazy("file"),
        max_length=255,
        help_text=gettext_lazy("CSV or .xlsx; the columns are found by name."),
    )

    class Meta:
        model = RosterImport
        fields = ["file", "unit", "complete", "create_units"]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        try:
            if file.size <= reading.MAX_BYTES:
                self.content = file.read()
                self.rows = reading.check(self.content)
                return file
        except UnreadableFile as error:
            raise forms.ValidationError(error.detail) from None
        raise forms.ValidationError(_("The file is larger than %d MiB.") % (reading.MAX_BYTES // 2**20))


@admin.register(RosterImport)
class RosterImportAdmin(BaseAdmin):
    form = UploadForm
    list_display = ["file_name", "unit", "state", "tally", "created_by", "created_at", "applied_by", "ended_at"]
    list_filter = ["state", "created_at"]
    list_select_related = ["unit", "created_by", "applied_by"]
    ordering = ["-pk"]
    autocomplete_fields = ["unit"]

    def has_change_permission(self, request: HttpRequest, obj: RosterImport | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RosterImport | None = None) -> bool:
        return False

    # --- upload -------------------------------------------------------------------------------------------------------
    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> ModelChoiceField:
        if db_field.name == "unit":
            kwargs |= {"queryset": services.units_of(request.user), "required": True}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        try:
            return {"unit": services.unit_for(request.user, None).pk}
        except MsgcenterError:
            return {}

    def save_model(self, request: HttpRequest, obj: RosterImport, form: UploadForm, change: bool) -> None:
        options = Options(complete=obj.complete, create_units=obj.create_units)
        name = form.cleaned_data["file"].name
        file = {"name": name, "rows": form.rows}
        made = services.upload(form.content, **file, unit=obj.unit, by=request.user, options=options)
        obj.__dict__.update(made.__dict__)

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        return redirect("admin:directory_rosterimport_change", obj.pk)

    @admin.display(description=gettext_lazy("what it does"))
    def tally(self, roster: RosterImport) -> str:
        return " · ".join(f"{label} {count}" for _kind, label, count in counted(roster))

    # --- one import ---------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        verbs = {"apply": self.apply, "discard": self.discard, "correct": self.correct}
        own = [
            path(f"<path:object_id>/{verb}/", self.admin_site.admin_view(view), name=f"directory_rosterimport_{verb}")
            for verb, view in verbs.items()
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        roster = self.get_object(request, unquote(object_id))
        if roster is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        kind = request.GET.get("kind", "")
        rows = roster.changes.defer("act").order_by("pk")
        rows = rows.filter(kind=kind) if kind in RosterChange.Kind.values else rows
        page = Paginator(rows, 50).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": roster.file_name,
            "opts": self.opts,
            "roster": roster,
            "counts": list(counted(roster)),
            "page": page,
            "lines": [(change, list(told(change))) for change in page],
            "kind": kind,
            "fields": Field.choices,
            "working": roster.state in (State.READING, State.APPLYING),
            "open": roster.state in (State.READY, State.FAILED),
            "address": reverse("api:roster_import", args=[roster.pk]),
        }
        return TemplateResponse(request, "directory/roster_import.html", context)

    @method_decorator(require_POST)
    def apply(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        let_leave = request.POST.get("let_leave") == "yes"
        return self._done(request, object_id, lambda one: services.apply(one, by=request.user, let_leave=let_leave))

    @method_decorator(require_POST)
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        return self._done(request, object_id, lambda one: services.discard(one, by=request.user))

    @method_decorator(require_POST)
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        def verb(roster: RosterImport) -> RosterImport:
            options = Options(
                complete="complete" in request.POST,
                create_units="create_units" in request.POST,
                mapping=corrected(roster, request.POST.getlist("field")),
            )
            return services.correct(roster, options, by=request.user)

        return self._done(request, object_id, verb)

    def _done(
        self, request: HttpRequest, object_id: str, verb: Callable[[RosterImport], RosterImport]
    ) -> HttpResponseRedirect:
        roster = self._roster(request, object_id)
        try:
            verb(roster)
        except MsgcenterError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
        return redirect("admin:directory_rosterimport_change", roster.pk)

    def _roster(self, request: HttpRequest, object_id: str) -> RosterImport:
        if not self.has_view_permission(request):
            raise PermissionDenied
        roster = self.get_object(request, unquote(object_id))
        if roster is None:
            raise Http404
        return roster


def counted(roster: RosterImport) -> Iterator[tuple[str, str, int]]:
    """(kind, its words, how many) of what there is."""
    for kind, label in RosterChange.Kind.choices:
        if count := roster.counts.get(kind):
            yield kind, str(label), count


def told(change: RosterChange) -> Iterator[tuple[str, str, str]]:
    """(field, before, after) in words."""
    for name, (before, after) in change.values.items():
        yield str(NAMES.get(name, name)), word(before), word(after)


def word(value: object) -> str:
    return "" if value is None else str(WORDS.get(value, value))


def corrected(roster: RosterImport, chosen: list[str]) -> dict[str, str]:
    """What differs from what the names of the columns say; what was corrected before stays corrected."""
    pairs = zip(roster.columns, chosen)
    said = {column["title"]: field for column, field in pairs if field != column["field"]}
    return {title: field for title, field in roster.mapping.items() if title not in said} | {
        title: field or IGNORED for title, field in said.items()
    }
