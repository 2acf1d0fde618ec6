"""What every page shares: where to begin, and our errors as pages."""

from typing import TypeVar

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.generic import View

from apps.core import errors

T = TypeVar("T", bound=Model)


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Whoever has to do with messages works in the console; everybody else reads."""
    works = request.user.has_module_perms("messaging")
    return redirect("console:list" if works else "inbox:list")


def older_page(rows: QuerySet[T], before: str, *, size: int) -> tuple[list[T], int | None]:
    """The newest `size` rows older than id `before`, and the cursor of the page after them if there is one.

    `rows` are ordered newest first, by id; a cursor that is no number starts at the newest.
    """
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None


class Page(LoginRequiredMixin, View):
    """A page for people who are logged in. What a service refuses becomes a page that says why."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except errors.NotFound as error:
            raise Http404(error.detail) from error
        except errors.NotAllowed as error:
            raise PermissionDenied(error.detail) from error
        except errors.MsgcenterError as error:
            messages.error(request, error.detail)
            return redirect(self.after_refusal())

    def after_refusal(self) -> str:
        """Where a person goes on when a service said no to a button."""
        return "home"
