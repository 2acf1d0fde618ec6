"""The way in, in the admin: invitations. Rows of allauth are for its own pages."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.accounts import invitations, rights
from apps.accounts.login import joining
from apps.accounts.models import Invitation
from apps.accounts.rights import Right
from apps.core.admin import BaseAdmin, run_each
from apps.core.errors import MsgcenterError

for one in (EmailAddress, Authenticator, UserSession):
    if admin.site.is_registered(one):
        admin.site.unregister(one)


class InvitationForm(forms.ModelForm):
    class Meta:
        model = Invitation
        fields = ["person", "contact_point"]

    def clean(self) -> dict[str, object]:
        """What the service would refuse is said at the form."""
        cleaned = super().clean()
        person, contact_point = cleaned.get("person"), cleaned.get("contact_point")
        if person and contact_point:
            try:
                invitations.check(person, contact_point, by=self.by)
            except MsgcenterError as error:
                self.add_error(error.field, error.detail)
        return cleaned


@admin.register(Invitation)
class InvitationAdmin(BaseAdmin):
    """Adding one sends it. Whoever manages a person's data may invite him."""

    form = InvitationForm
    list_display = ["person", "invited_by", "created_at", "expires_at", "accepted_at", "withdrawn_at"]
    list_select_related = ["person", "invited_by"]
    search_fields = ["person__number__exact"]
    search_help_text = _("A student or staff number")
    ordering = ["-pk"]
    autocomplete_fields = ["person", "contact_point"]
    actions = ["withdraw"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        return rights.visible_to(request.user, super().get_queryset(request), Right.MANAGE_PEOPLE)

    def get_form(self, request: HttpRequest, *args: object, **kwargs: object) -> type[InvitationForm]:
        return type("Form", (super().get_form(request, *args, **kwargs),), {"by": request.user})

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _manages(request)

    def has_view_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return _manages(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _manages(request)

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return _manages(request)

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


def _manages(request: HttpRequest) -> bool:
    user = request.user
    return user.is_active and user.is_staff and (user.is_superuser or rights.holds(user, Right.MANAGE_PEOPLE))
