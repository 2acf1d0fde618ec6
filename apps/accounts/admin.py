"""Users, their roles and the keys of school systems in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from apps.accounts import keys, names, rights, roles
from apps.accounts.keys import WORDS, KeyDraft
from apps.accounts.login import second_factor, sessions
from apps.accounts.models import ApiKey, RoleAssignment, User
from apps.audit.admin import AuditedAdmin
from apps.core import permissions
from apps.core.admin import ServiceAdmin, ServiceForm, run_each
from apps.core.errors import Conflict, NotAllowed

# A token is made by logging in and dies with its login; a page that hands one out for somebody else would be a way
# around his password.
admin.site.unregister(AuthToken)
# Roles alone give rights.
admin.site.unregister(Group)


class Named(forms.ModelForm):
    """Of a user: his name is no number but his own."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if {"username", "person"}.isdisjoint(self.errors):
            try:
                names.check_free(cleaned["username"], cleaned.get("person", self.instance.person))
            except Conflict as error:
                self.add_error("username", error.detail)
        return cleaned


class UserForm(Named, auth_forms.UserChangeForm):
    pass


class NewUserForm(Named, auth_forms.AdminUserCreationForm):
    pass


@admin.register(User)
class UserAdmin(AuditedAdmin, auth_admin.UserAdmin):
    form = UserForm
    add_form = NewUserForm
    list_display = ["username", "person", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    list_select_related = ["person"]
    search_fields = ["username__startswith", "person__number__exact"]
    search_help_text = _("The beginning of the login name, or a student or staff number")
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal: list[str] = []
    autocomplete_fields = ["person"]
    actions = ["remove_second_factor", "end_sessions"]
    fieldsets = [
        (None, {"fields": ["username", "password", "person", "is_active", "is_superuser"]}),
        (_("Name and e-mail"), {"fields": ["last_name", "first_name", "email"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["username", "person", "usable_password", "password1", "password2"]})
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        if request.user.is_superuser:
            return self.readonly_fields
        # Who made himself another person would read that person's inbox.
        own = ["person", "is_active"] if obj == request.user else []
        return [*self.readonly_fields, "is_superuser", *own]

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> forms.Field:
        """A login that belongs to nobody belongs to no unit either: whoever keeps some units only makes none."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.required = not permissions.everywhere(request.user, "accounts.add_user")
        return field

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _mightier(obj, request.user)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _mightier(obj, request.user)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Together with its entry in the audit log, or not at all. One's own is changed where the old one is asked for.

        Django gives whoever asks a new session key.
        """
        if self.get_object(request, unquote(id)) == request.user:
            return redirect("account_change_password")
        before = request.session.session_key
        with transaction.atomic():
            answer = super().user_change_password(request, id, form_url)
        sessions.keep_listed(request, before=before)
        return answer

    def has_powers_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    @admin.action(description=_("Remove the second factor (phone and codes lost)"), permissions=["powers"])
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        done = _("%s logs in without a second factor now.")
        run_each(self, request, queryset, second_factor.remove, done=lambda user: done % user)

    @admin.action(description=_("Log out everywhere"), permissions=["powers"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        run_each(self, request, queryset, sessions.end_all, done=lambda user: _("%s is logged out everywhere.") % user)


def _mightier(user: User | None, asking: User) -> bool:
    """Who sets somebody's password or e-mail, or switches his login on again, may act as him."""
    return user is not None and user != asking and rights.exceeds(user, asking)


class RoleForm(ServiceForm):
    def ask(self, cleaned: dict[str, Any]) -> None:
        roles.check_grant(cleaned["user"], cleaned["role"], cleaned["unit"], by=self.asking)


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(ServiceAdmin):
    form = RoleForm
    list_display = ["user", "role", "unit"]
    list_filter = ["role"]
    list_select_related = ["user", "unit"]
    search_fields = ["user__username__startswith"]
    autocomplete_fields = ["user", "unit"]
    ordering = ["-pk"]

    def has_delete_permission(self, request: HttpRequest, obj: RoleAssignment | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or roles.may_revoke(obj, by=request.user))

    def save_model(self, request: HttpRequest, obj: RoleAssignment, form: forms.ModelForm, change: bool) -> None:
        made = roles.grant(obj.user, obj.role, obj.unit, by=request.user)
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: RoleAssignment) -> None:
        try:
            roles.revoke(obj, by=request.user)
        except NotAllowed as error:
            raise PermissionDenied(error.detail) from error

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RoleAssignment]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


class KeyForm(ServiceForm):
    scopes = forms.MultipleChoiceField(
        label=_("scopes"),
        choices=[(str(one), words) for one, words in WORDS.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ApiKey
        fields = ["name", "kind", "unit", "scopes", "expires_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:
            self.fields["expires_at"].required = False
            self.fields["expires_at"].help_text = _("Empty: in a year.")

    def ask(self, cleaned: dict[str, Any]) -> None:
        keys.check(self.draft(), by=self.asking)

    def draft(self) -> KeyDraft:
        return KeyDraft(**{name: self.cleaned_data[name] for name in self.Meta.fields})


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    form = KeyForm
    list_display = ["name", "prefix", "kind", "unit", "created_by", "expires_at", "last_used_at", "revoked_at"]
    list_filter = ["kind", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["unit", "created_by"]
    search_fields = ["name", "prefix__exact"]
    autocomplete_fields = ["unit"]
    ordering = ["-pk"]
    actions = ["revoke"]
    shown = ["name", "prefix", "kind", "unit", "may", "created_by", "created_at"]
    shown += ["expires_at", "last_used_at", "revoked_at"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return self.shown if obj else KeyForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return self.shown if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """What a key has done stays in the log, and so does the key."""
        return False

    @admin.display(description=_("scopes"))
    def may(self, key: ApiKey) -> str:
        return ", ".join(str(WORDS[scope]) for scope in key.scopes)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    @admin.action(description=_("Revoke the selected keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        run_each(self, request, queryset, keys.revoke, done=lambda key: _("%s opens nothing any more.") % key)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: KeyForm, change: bool) -> None:
        made = keys.create(form.draft(), by=request.user)
        obj.pk, obj.prefix, obj.token = made.row.pk, made.row.prefix, made.token

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The key itself, this once: in no message, cookie or address, which would keep it."""
        messages.success(request, _("The key has been made."))
        context = {**self.admin_site.each_context(request), "opts": self.opts, "key": obj, "title": str(obj)}
        return render(request, "accounts/new_key.html", context)
