"""What every page of the admin shares."""

from collections.abc import Callable, Iterable

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from apps.core.errors import MsgcenterError

admin.site.site_header = _("msgcenter message centre")
admin.site.site_title = _("msgcenter message centre")
admin.site.index_title = _("Administration")
# By a name of its own: a template of Django's name would be found only after Django's.
admin.site.index_template = "core/admin_index.html"

# Schedules live in code (workers/schedule.py); beat writes these tables itself, and an edit here would be undone.
admin.site.unregister([PeriodicTask, ClockedSchedule, CrontabSchedule, SolarSchedule, IntervalSchedule])


class CappedPaginator(Paginator):
    """Counts no further than the last page anybody turns to: the ledger has millions of rows."""

    COUNTED = 10_000

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: self.COUNTED].count()


class BaseAdmin(admin.ModelAdmin):
    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50


class ReadOnlyAdmin(BaseAdmin):
    """Rows that the machine writes: people may look at them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    extra = 0
    can_delete = False

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
