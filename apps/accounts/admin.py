"""Users and their roles in the admin."""

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from apps.accounts.login import second_factor, sessions
from apps.accounts.models import RoleAssignment, User
from apps.audit.admin import AuditedAdmin
from apps.core.admin import run_each

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
    actions = ["remove_second_factor", "end_sessions"]
    fieldsets = [
        (None, {"fields": ["username", "password", "person", "is_active"]}),
        (_("Name and e-mail"), {"fields": ["last_name", "first_name", "email"]}),
        (_("Permissions"), {"fields": POWERS}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        if request.user.is_superuser:
            return self.readonly_fields
        # Who made himself another person would read that person's inbox.
        own = ["person"] if obj == request.user else []
        return self.readonly_fields + POWERS + own

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _mightier(obj, request.user)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _mightier(obj, request.user)

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
    """Who may set somebody's password may act as him; so staff keep their hands off each other."""
    if user is None or asking.is_superuser or user == asking:
        return False
    return user.is_staff or user.is_superuser or user.roles.exists()


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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A role is power over messages: whoever could hand it out could hand it to a second account of his own."""
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: RoleAssignment | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: RoleAssignment | None = None) -> bool:
        return request.user.is_superuser
