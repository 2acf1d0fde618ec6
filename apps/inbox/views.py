"""The recipient's pages: the list, and one message."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.views import Page, older_page
from apps.delivery.models import Recipient
from apps.inbox import selectors, services
from apps.messaging.models import Message, Urgency

PAGE_SIZE = 20


class List(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        person = request.user.person
        if person is None:
            return render(request, "inbox/no_person.html")
        only_unread = request.GET.get("show") == "unread"
        entries = selectors.unread(person) if only_unread else selectors.entries(person)
        page, older = older_page(entries, request.GET.get("before", ""), size=PAGE_SIZE)
        context = {
            "entries": [_shown(entry) for entry in page],
            "older": older,
            "only_unread": only_unread,
            "unread": selectors.unread(person).count(),
            "first_page": "before" not in request.GET,
        }
        return render(request, "inbox/list.html", context)


class Entry(Page):
    def get(self, request: HttpRequest, entry_id: int) -> HttpResponse:
        if request.user.person is None:
            raise NotFound()
        entry = selectors.entry(request.user.person, entry_id)
        services.read(entry)
        return render(request, "inbox/entry.html", _shown(entry))


def _shown(entry: Recipient) -> dict[str, object]:
    message = entry.message
    return {
        "entry": entry,
        "message": message,
        "rendered": selectors.rendered(entry),
        "expired": _expired(message),
        "pressing": message.urgency != Urgency.GENERAL,
    }


def _expired(message: Message) -> bool:
    return bool(message.expires_at and message.expires_at <= timezone.now())
