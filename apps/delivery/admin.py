"""The ledger in the admin: people look, the machine writes. The suppression list people may mend."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.audit.admin import AuditedAdmin
from apps.core.admin import run_each
from apps.core.masking import masked
from apps.delivery import services
from apps.delivery.models import Delivery, Recipient, Suppression
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
    message_path = "message_channel__message"
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
    fields += ["account", "maybe_duplicate", "sent_at", "updated_at"]

    actions = ["resend"]

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """As for the verbs on a message; whether he may for this one, the service says."""
        return request.user.has_perm("messaging.change_message")

    @admin.action(description=_("Send again (it may arrive twice)"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        run_each(self, request, queryset, _resend, done=lambda row: _("%s is sent once more.") % row.recipient.person)

    def get_readonly_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[str]:
        return self.fields

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

    @admin.display(description=_("address"))
    def masked_value(self, row: Suppression) -> str:
        return masked(row.value)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        return (queryset.filter(with_address(search_term)) if search_term else queryset), False
