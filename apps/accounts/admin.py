"""Users and their roles in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group
from django.db.models import ForeignKey
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from apps.accounts.models import RoleAssignment, User
from apps.audit.admin import AuditedAdmin

# A token is made by logging in and dies with its login; a page that hands one out for somebody else would be a way
# around his password.
admin.site.unregister(AuthToken)
admin.site.unregister(Group)

#: What makes somebody mightier; only a superuser hands it out.
POWERS = ["is_staff", "is_superuser", "groups", "user_permissions"]


@admin.register(User)
class UserAdmin(AuditedAdmin, auth_admin.UserAdmin):
    list_display = ["username", "person", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    list_select_related = ["person"]
    search_fields = ["username__startswith", "person__number__exact"]
    search_help_text = _("The beginning of the login name, or a student or staff number")
    readonly_fields = ["last_login", "date_joined"]
    autocomplete_fields = ["person"]
    fieldsets = [
        (None, {"fields": ["username", "password", "person", "is_active"]}),
        (_("Name and e-mail"), {"fields": ["last_name", "first_name", "email"]}),
        (_("Permissions"), {"fields": POWERS}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return self.readonly_fields if request.user.is_superuser else self.readonly_fields + POWERS

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _mightier(obj, request.user)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _mightier(obj, request.user)


def _mightier(user: User | None, asking: User) -> bool:
    """Who may set somebody's password may act as him; so staff keep their hands off each other."""
    return user is not None and not asking.is_superuser and (user.is_staff or user.is_superuser) and user != asking


@admin.register(Group)
class GroupAdmin(AuditedAdmin, auth_admin.GroupAdmin):
    """Permissions of the admin, by the bundle."""


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(AuditedAdmin):
    list_display = ["user", "role", "unit"]
    list_filter = ["role"]
    list_select_related = ["user", "unit"]
    search_fields = ["user__username__startswith"]
    autocomplete_fields = ["user", "unit"]
    ordering = ["-pk"]

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> ModelChoiceField:
        """Nobody but a superuser gives a role to himself."""
        if db_field.name == "user" and not request.user.is_superuser:
            kwargs["queryset"] = User.objects.exclude(pk=request.user.pk)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: RoleAssignment | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _own(obj, request.user)

    def has_delete_permission(self, request: HttpRequest, obj: RoleAssignment | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _own(obj, request.user)


def _own(role: RoleAssignment | None, asking: User) -> bool:
    return role is not None and not asking.is_superuser and role.user == asking
