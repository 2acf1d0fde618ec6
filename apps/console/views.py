"""The department's pages: one view per verb, each calling the service of that name."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext as _

from apps.console import audiences, selectors
from apps.console.forms import ComposeForm
from apps.core.views import Page, older_page
from apps.delivery import preview, reasons
from apps.delivery import selectors as ledger
from apps.delivery.states import Status as DeliveryStatus
from apps.messaging import selectors as messaging
from apps.messaging import services
from apps.messaging.drafts import Draft
from apps.messaging.models import Message, MessageType
from apps.messaging.states import Status

PAGE_SIZE = 20


class List(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        selectors.require_any_role(request.user)
        status, text = request.GET.get("status", ""), request.GET.get("q", "").strip()[:200]
        found = selectors.listed(request.user, status=status, text=text)
        page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
        context = {
            "page": page,
            "rows": [(message, *selectors.settled(message)) for message in page],
            "status": status,
            "text": text,
            "statuses": Status.choices,
            "may_write": selectors.writable_units(request.user).exists(),
            "brakes": selectors.brakes(request.user),
        }
        return render(request, "console/list.html", context)


class Create(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        selectors.require_writer(request.user)
        return _form_page(request, ComposeForm(user=request.user))

    def post(self, request: HttpRequest) -> HttpResponse:
        selectors.require_writer(request.user)
        form = ComposeForm(request.POST, user=request.user)
        return _save(request, form, partial(services.create, by=request.user))


class Change(Page):
    def get(self, request: HttpRequest, message_id: int) -> HttpResponse:
        message = messaging.get(request.user, message_id)
        if not selectors.abilities(request.user, message).edit:
            messages.info(request, _("Only a draft can be changed."))
            return redirect("console:message", message_id)
        return _form_page(request, ComposeForm(user=request.user, message=message))

    def post(self, request: HttpRequest, message_id: int) -> HttpResponse:
        message = messaging.get(request.user, message_id)
        selectors.require_writer(request.user)
        form = ComposeForm(request.POST, user=request.user, message=message)
        return _save(request, form, partial(services.change, message, by=request.user))


class Verb(Page):
    """A button of a message: what the service refuses is said on the message's page."""

    def after_refusal(self) -> str:
        return resolve_url("console:message", self.kwargs["message_id"])


class Publish(Verb):
    def get(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """Ask once more, and say whom it will reach."""
        message = messaging.get(request.user, message_id)
        if message.status != Status.DRAFT:
            return redirect("console:message", message_id)
        context = {**_about(request, message), "preview": preview.of_message(message)}
        return render(request, "console/publish.html", context)

    def post(self, request: HttpRequest, message_id: int) -> HttpResponse:
        message = messaging.get(request.user, message_id)
        if message.status == Status.DRAFT:
            services.publish(message, by=request.user)
        return redirect("console:message", message_id)


class Recall(Verb):
    def post(self, request: HttpRequest, message_id: int) -> HttpResponse:
        services.recall(messaging.get(request.user, message_id), by=request.user)
        messages.success(request, _("The message has been recalled. What had already been sent cannot be taken back."))
        return redirect("console:message", message_id)


class Delete(Verb):
    def post(self, request: HttpRequest, message_id: int) -> HttpResponse:
        services.delete(messaging.get(request.user, message_id), by=request.user)
        messages.success(request, _("The draft has been deleted."))
        return redirect("console:list")


class Detail(Page):
    def get(self, request: HttpRequest, message_id: int) -> HttpResponse:
        message = messaging.get(request.user, message_id)
        context = {
            **_about(request, message),
            "progress": ledger.progress(message),
            "problems": selectors.problems(message),
            "undecided": selectors.undecided(message),
            "unconfirmed": selectors.unconfirmed_count(message),
            "stuck": selectors.why_stuck(message),
            "words": {"states": dict(DeliveryStatus.choices), "reasons": reasons.REASONS},
        }
        return render(request, "console/message.html", context)


class Sandbox(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        selectors.require_any_role(request.user)
        address = request.GET.get("address", "").strip()[:200]
        found = selectors.sandbox_messages(request.user, address=address)
        before = request.GET.get("before", "")
        rows, older = older_page(found, before, size=PAGE_SIZE)
        context = {"rows": rows, "older": older, "address": address, "first_page": not before}
        return render(request, "console/sandbox.html", context)


def _about(request: HttpRequest, message: Message) -> dict[str, object]:
    channels = [row.channel for row in message.message_channels.select_related("channel")]
    return {
        "message": message,
        "channels": channels,
        "sandboxed": selectors.into_sandbox(message, channels),
        "audience": audiences.lines(message),
        "abilities": selectors.abilities(request.user, message),
    }


def _form_page(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    types = MessageType.objects.prefetch_related("channels")
    context = {
        "form": form,
        "message": form.message,
        "audience": audiences.lines(form.message) if form.keeps_audience else [],
        "sandboxed": selectors.sandboxed(form.fields["channels"].queryset),
        "compose": {
            "templates": selectors.templates(),
            "types": {one.pk: _defaults(one) for one in types},
        },
    }
    return render(request, "console/form.html", context, status=400 if form.is_bound else 200)


def _defaults(type: MessageType) -> dict[str, object]:
    return {"urgency": type.urgency, "channels": [channel.pk for channel in type.channels.all()]}


def _save(request: HttpRequest, form: ComposeForm, store: Callable[[Draft], Message]) -> HttpResponse:
    message = form.save(store) if form.is_valid() else None
    if message is None:
        return _form_page(request, form)
    if "publish" in request.POST:
        return redirect("console:publish", message.pk)
    messages.success(request, _("The draft has been saved."))
    return redirect("console:message", message.pk)
