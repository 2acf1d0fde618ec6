"""Pages that hold what is on its way and let it go: a message, a channel, everything; and what is sent again."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.channels import services as channels
from apps.channels.models import Channel
from apps.console import selectors
from apps.console.views import Verb
from apps.core import alerts
from apps.core.views import Page
from apps.delivery import services as delivery
from apps.messaging import selectors as messaging
from apps.messaging import services

ALERTS_SHOWN = 20


class Pause(Verb):
    def post(self, request: HttpRequest, message_id: int) -> HttpResponse:
        services.pause(messaging.get(request.user, message_id), by=request.user)
        messages.success(request, _("The message is paused. What is with a provider at this moment is finished."))
        return redirect("console:message", message_id)


class Resume(Verb):
    def post(self, request: HttpRequest, message_id: int) -> HttpResponse:
        services.resume(messaging.get(request.user, message_id), by=request.user)
        messages.success(request, _("The message goes on."))
        return redirect("console:message", message_id)


class Resend(Verb):
    def post(self, request: HttpRequest, message_id: int, delivery_id: int) -> HttpResponse:
        found = selectors.delivery_of(messaging.get(request.user, message_id), delivery_id)
        delivery.resend(found.pk, by=request.user)
        messages.success(request, _("It is sent to %s once more.") % found.recipient.person.name)
        return redirect("console:message", message_id)


class ResendAll(Verb):
    def get(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """Ask once more: whoever had received it after all will receive it twice."""
        message = messaging.get(request.user, message_id)
        count = selectors.unconfirmed_count(message)
        if not count or not selectors.abilities(request.user, message).resend:
            return redirect("console:message", message_id)
        return render(request, "console/resend.html", {"message": message, "count": count})

    def post(self, request: HttpRequest, message_id: int) -> HttpResponse:
        count = delivery.resend_unconfirmed(messaging.get(request.user, message_id), by=request.user)
        said = ngettext("%d delivery is sent once more.", "%d deliveries are sent once more.", count) % count
        messages.success(request, said)
        return redirect("console:message", message_id)


class OperatorPage(Page):
    """For those who answer for the whole school."""

    def after_refusal(self) -> str:
        return resolve_url("console:sending")


class Sending(OperatorPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        selectors.require_operator(request.user)
        found = selectors.leaving()
        context = {
            "channels": found,
            "running": [one for one in found if not one.paused],
            "stopped": [one for one in found if one.paused_reason.startswith(channels.STOPPED)],
            "alerts": selectors.open_alerts(ALERTS_SHOWN),
            "alert_count": alerts.still_open().count(),
        }
        return render(request, "console/sending.html", context)


class StopAll(OperatorPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        selectors.require_operator(request.user)
        running = [one for one in selectors.leaving() if not one.paused]
        return render(request, "console/stop.html", {"channels": running})

    def post(self, request: HttpRequest) -> HttpResponse:
        channels.stop_all(reason=request.POST.get("reason", ""), by=request.user)
        messages.success(request, _("Everything has been stopped."))
        return redirect("console:sending")


class ResumeAll(OperatorPage):
    def post(self, request: HttpRequest) -> HttpResponse:
        channels.resume_all(by=request.user)
        messages.success(request, _("The channels that had been stopped go on."))
        return redirect("console:sending")


class PauseChannel(OperatorPage):
    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        reason = request.POST.get("reason", "")
        channel = channels.pause_channel(get_object_or_404(Channel, key=key), reason=reason, by=request.user)
        messages.success(request, _("%s is paused.") % channel)
        return redirect("console:sending")


class ResumeChannel(OperatorPage):
    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        channel = channels.resume_channel(get_object_or_404(Channel, key=key), by=request.user)
        messages.success(request, _("%s goes on.") % channel)
        return redirect("console:sending")
