"""What every page of the admin shares."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth import get_permission_codename
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from apps.core import permissions
from apps.core.errors import MsgcenterError

admin.site.site_header = _("msgcenter message centre")
admin.site.site_title = _("msgcenter message centre")
admin.site.index_title = _("Administration")
# By a name of its own: a template of Django's name would be found only after Django's.
admin.site.index_template = "core/admin_index.html"


def enters(request: HttpRequest) -> bool:
    """Whoever holds any right the admin serves; being `is_staff` neither helps nor is it needed."""
    permissions.remember(request.user)
    return request.user.has_module_perms("admin")


admin.site.has_permission = enters
# Django's own for the admin lets in staff only.
admin.site.login_form = AuthenticationForm

# Schedules live in code (workers/schedule.py); beat writes these tables itself, and an edit here would be undone.
admin.site.unregister([PeriodicTask, ClockedSchedule, CrontabSchedule, SolarSchedule, IntervalSchedule])


class CappedPaginator(Paginator):
    """Counts no further than the last page anybody turns to: the ledger has millions of rows."""

    COUNTED = 10_000

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: self.COUNTED].count()


class OwnRows:
    """Rows that the user has the permission for, in lists and in the choices of forms alike."""

    opts: Any

    def permission(self, action: str) -> str:
        return f"{self.opts.app_label}.{get_permission_codename(action, self.opts)}"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return permissions.visible_to(request.user, super().get_queryset(request), self.permission("view"))

    def get_field_queryset(
        self, db: str | None, db_field: models.ForeignKey, request: HttpRequest
    ) -> models.QuerySet | None:
        """Whoever may change a row may point it at rows of his own units only."""
        rows, model = super().get_field_queryset(db, db_field, request), db_field.remote_field.model
        if not getattr(model, "unit_paths", ()):
            return rows
        rows = model._default_manager.all() if rows is None else rows
        return permissions.visible_to(request.user, rows, self.permission("change"))


class OwnRowsInline(OwnRows, admin.TabularInline):
    """Of the rows below the one that is edited, those of the user's own units."""

    extra = 0


#: What the filters of Django ask of a column. No `startswith`: step by step it would tell what nobody may see.
ASKED = ("", "__exact", "__in", "__isnull", "__isempty", "__gt", "__gte", "__lt", "__lte")


class BaseAdmin(OwnRows, admin.ModelAdmin):
    """Lists are narrowed by what they offer, and by `lookups`: those that links of our own pages use."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    lookups: Iterable[str] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whatever else the address asks for is refused; Django would answer for every column of the row."""
        return lookup in self.lookups or lookup in set(self._filters(request))

    def _filters(self, request: HttpRequest) -> Iterator[str]:
        days = [self.date_hierarchy] if self.date_hierarchy else []
        yield from (f"{day}__{part}" for day in days for part in ("year", "month", "day"))
        for one in [*self.get_list_filter(request), *days]:
            if isinstance(one, type):
                yield one.parameter_name
                continue
            path = one[0] if isinstance(one, tuple | list) else one
            related = get_fields_from_path(self.model, path)[-1].related_model
            keys = ["", f"__{related._meta.pk.name}"] if related else [""]
            yield from (f"{path}{key}{asked}" for key in keys for asked in ASKED)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        user = request.user
        return user.has_perm(self.permission("view"), obj) or user.has_perm(self.permission("change"), obj)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return request.user.has_perm(self.permission("change"), obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return request.user.has_perm(self.permission("delete"), obj)

    def get_form(self, request: HttpRequest, obj: models.Model | None = None, **kwargs: Any) -> type[forms.ModelForm]:
        """Forms know who is `asking`."""
        form = super().get_form(request, obj, **kwargs)
        return type(form.__name__, (form,), {"asking": request.user})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """An action that was not offered is refused, where Django would overlook it."""
        asked = {name for name in request.POST.getlist("action") if name}
        if asked - self.get_actions(request).keys():
            raise PermissionDenied
        return super().changelist_view(request, extra_context)


class ServiceForm(forms.ModelForm):
    """Asks the service whether it would do it; what it refuses becomes an error at the field it speaks of."""

    asking: AbstractBaseUser
    #: What the service calls a field -> its name here.
    names = {"username": "user"}

    def ask(self, cleaned: dict[str, Any]) -> None:
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            try:
                self.ask(cleaned)
            except MsgcenterError as error:
                name = self.names.get(error.field or "", error.field)
                self.add_error(name if name in self.fields else None, error.detail)
        return cleaned


class ServiceAdmin(BaseAdmin):
    """Rows that are made and ended by services, which also write the audit log, and are never changed."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(BaseAdmin):
    """Rows that the machine writes: people may look at them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Who sees the row above sees these."""

    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def run_each(
    page: admin.ModelAdmin,
    request: HttpRequest,
    rows: Iterable[models.Model],
    verb: Callable[..., object],
    *,
    done: Callable[..., str],
) -> None:
    """Call a service's verb on each row, and say of each what came of it: `done` of the row, or the error."""
    for row in rows:
        try:
            verb(row, by=request.user)
        except MsgcenterError as error:
            page.message_user(request, f"{row}: {error.detail}", messages.ERROR)
        else:
            page.message_user(request, done(row), messages.SUCCESS)
