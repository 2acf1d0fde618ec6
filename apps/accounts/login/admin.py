"""The way in, in the admin: invitations. Rows of allauth are for its own pages."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.accounts import invitations
from apps.accounts.login import joining
from apps.accounts.models import Invitation
from apps.core.admin import ServiceAdmin, ServiceForm, run_each

for app in ("account", "mfa", "usersessions", "socialaccount"):
    admin.site.unregister([model for model in apps.get_app_config(app).get_models() if admin.site.is_registered(model)])


class InvitationForm(ServiceForm):
    class Meta:
        model = Invitation
        fields = ["person", "contact_point"]

    def ask(self, cleaned: dict[str, Any]) -> None:
        invitations.check(cleaned["person"], cleaned["contact_point"], by=self.asking)


@admin.register(Invitation)
class InvitationAdmin(ServiceAdmin):
    """Adding one sends it. Whoever manages a person's data may invite him."""

    form = InvitationForm
    list_display = ["person", "invited_by", "created_at", "expires_at", "accepted_at", "withdrawn_at"]
    list_select_related = ["person", "invited_by"]
    search_fields = ["person__number__exact"]
    search_help_text = _("A student or staff number")
    ordering = ["-pk"]
    autocomplete_fields = ["person", "contact_point"]
    actions = ["withdraw"]

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: Invitation, form: forms.ModelForm, change: bool) -> None:
        """The service makes the row, and notes it; `obj` becomes that row."""
        link = joining.public_address(request, reverse("accept_invitation", args=[invitations.TOKEN]))
        made = invitations.invite(obj.person, obj.contact_point, by=request.user, address=link)
        obj.__dict__.update(made.__dict__)

    @admin.action(description=_("Withdraw the selected invitations"), permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        run_each(
            self,
            request,
            queryset,
            invitations.withdraw,
            done=lambda one: _("The invitation of %s is withdrawn.") % one,
        )
