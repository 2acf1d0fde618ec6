"""The ledger in the admin: people look, the machine writes. The suppression list people may mend."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.audit.admin import AuditedAdmin
from apps.core.admin import ReadOnlyAdmin, run_each
from apps.core.masking import masked
from apps.delivery import history, services, suppressions
from apps.delivery.models import Attempt, Delivery, Receipt, Recipient, Suppression
from apps.directory.admin import AddressForm, with_address
from apps.messaging.admin import OwnUnitsAdmin


@admin.register(Recipient)
class RecipientAdmin(OwnUnitsAdmin):
    list_display = ["person", "message", "created_at", "read_at"]
    list_select_related = ["person", "message"]
    search_fields = ["person__number__exact"]
    search_help_text = _("Student or staff number")
    ordering = ["-pk"]


@admin.register(Delivery)
class DeliveryAdmin(OwnUnitsAdmin):
    lookups = ["message_channel__message", "recipient"]
    list_display = ["recipient_name", "message", "channel", "masked_address", "status", "reason", "updated_at"]
    list_filter = ["status", "message_channel__channel"]
    list_select_related = [
        "message_channel__message",
        "message_channel__channel",
        "recipient__person",
        "account__channel",
    ]
    search_fields = ["recipient__person__number__exact"]
    search_help_text = _("Student or staff number")
    ordering = ["-pk"]
    fields = ["message", "channel", "recipient_name", "masked_address", "status", "reason", "due_at", "attempt"]
    fields += ["account", "maybe_duplicate", "sent_at", "updated_at", "timeline"]

    def get_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[str]:
        """What a provider reported holds the address, so only superusers see it as it came."""
        return [*self.fields[:-1], "full_timeline"] if request.user.is_superuser else self.fields

    actions = ["resend"]

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """As for the verbs on a message; whether he may for this one, the service says."""
        return request.user.has_perm("messaging.send_message")

    @admin.action(description=_("Send again (it may arrive twice)"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        run_each(self, request, queryset, _resend, done=lambda row: _("%s is sent once more.") % row.recipient.person)

    def get_readonly_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[str]:
        return self.get_fields(request, obj)

    @admin.display(description=_("history"))
    def timeline(self, row: Delivery) -> str:
        return render_to_string("delivery/history.html", {"entries": history.entries(row)})

    @admin.display(description=_("history"))
    def full_timeline(self, row: Delivery) -> str:
        return render_to_string("delivery/history.html", {"entries": history.entries(row), "with_bodies": True})

    @admin.display(description=_("recipient"))
    def recipient_name(self, row: Delivery) -> str:
        return str(row.recipient.person)

    @admin.display(description=_("message"))
    def message(self, row: Delivery) -> str:
        return str(row.message_channel.message)

    @admin.display(description=_("channel"))
    def channel(self, row: Delivery) -> str:
        return str(row.message_channel.channel)

    @admin.display(description=_("address"))
    def masked_address(self, row: Delivery) -> str:
        return masked(row.address)


class OfDeliveryAdmin(ReadOnlyAdmin):
    """A log whose rows lead to the page of their delivery."""

    @admin.display(description=_("delivery"))
    def link(self, row: Attempt | Receipt) -> SafeString:
        return format_html('<a href="{}">{}</a>', self.address(row.delivery_id), row.delivery_id)

    @staticmethod
    def address(delivery_id: int) -> str:
        return reverse("admin:delivery_delivery_change", args=[delivery_id])


@admin.register(Attempt)
class AttemptAdmin(OwnUnitsAdmin, OfDeliveryAdmin):
    lookups = ["delivery__message_channel__message", "delivery"]
    list_display = ["at", "link", "number", "account", "status", "reason", "reference", "took_ms"]
    list_filter = ["status"]
    list_select_related = ["account__channel"]
    search_fields = ["reference__exact"]
    search_help_text = _("A whole reference at the provider")
    ordering = ["-pk"]
    fields = ["at", "link", "number", "account", "status", "reason", "detail", "reference", "took_ms"]

    def get_readonly_fields(self, request: HttpRequest, obj: Attempt | None = None) -> list[str]:
        return self.fields


@admin.register(Receipt)
class ReceiptAdmin(OfDeliveryAdmin):
    """Of all units at once: a receipt may belong to no delivery. Its text holds the address."""

    list_display = ["received_at", "link", "attempt", "account", "result", "reason"]
    list_filter = ["result"]
    list_select_related = ["account__channel"]
    search_fields = ["delivery_id__exact"]
    search_help_text = _("The number of a delivery")
    ordering = ["-pk"]
    fields = ["received_at", "link", "attempt", "account", "result", "reason", "tries", "due_at"]
    fields += ["content_type", "body"]

    def get_fields(self, request: HttpRequest, obj: Receipt | None = None) -> list[str]:
        return self.fields if request.user.is_superuser else self.fields[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Receipt | None = None) -> list[str]:
        return self.get_fields(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Receipt], search_term: str
    ) -> tuple[QuerySet[Receipt], bool]:
        term = search_term.strip()
        # A longer number is no key, and SQLite cannot even ask for it.
        known = term.isdecimal() and len(term) < 19
        return (queryset.filter(delivery_id=int(term) if known else 0) if term else queryset), False


def _resend(row: Delivery, *, by: User) -> None:
    services.resend(row.pk, by=by)


@admin.register(Suppression)
class SuppressionAdmin(AuditedAdmin):
    form = AddressForm
    list_display = ["kind", "masked_value", "reason", "created_at"]
    list_filter = ["reason", "kind"]
    search_fields = ["value__exact"]
    search_help_text = _("A whole address")
    ordering = ["-pk"]
    actions = ["allow_again"]

    @admin.action(description=_("Allow again"), permissions=["delete"])
    def allow_again(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        done = _("%s: messages go there again.")
        run_each(self, request, queryset, suppressions.allow_again, done=lambda row: done % masked(row.value))

    @admin.display(description=_("address"))
    def masked_value(self, row: Suppression) -> str:
        return masked(row.value)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        return (queryset.filter(with_address(search_term)) if search_term else queryset), False
