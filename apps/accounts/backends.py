"""Roles as Django asks for them: the admin and the layers below know permissions by name, here each is a right."""

from typing import TypeVar

from django.contrib.auth.backends import BaseBackend
from django.db.models import Model, QuerySet

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right

Rows = TypeVar("Rows", bound=QuerySet)

#: `app.action_model`, else `app.model`, else `app`: the right it takes. What is not named takes a superuser.
NEEDED: dict[str, Right] = {
    "directory": Right.MANAGE_PEOPLE,
    "directory.segment": Right.WRITE,
    "directory.view_segment": Right.SEE,
    "directory.segmentrule": Right.WRITE,
    "directory.view_segmentrule": Right.SEE,
    "accounts.user": Right.MANAGE_PEOPLE,
    "accounts.roleassignment": Right.GRANT,
    "channels": Right.MANAGE_CHANNELS,
    "core.alert": Right.MANAGE_CHANNELS,
    "messaging": Right.WRITE,
    "messaging.view_message": Right.SEE,
    "messaging.view_messagechannel": Right.SEE,
    "messaging.view_audiencerow": Right.SEE,
    # Whoever changes a type may take the need of approval away.
    "messaging.messagetype": Right.GRANT,
    "messaging.view_messagetype": Right.SEE,
    "messaging.view_template": Right.SEE,
    "delivery.view_recipient": Right.SEE,
    "delivery.view_delivery": Right.SEE,
    "delivery.view_attempt": Right.SEE,
    "delivery.suppression": Right.MANAGE_PEOPLE,
    "audit.view_entry": Right.READ_AUDIT,
}


class RoleBackend(BaseBackend):
    """Gives permissions to those who hold the right; it logs nobody in."""

    def has_perm(self, user: User, permission: str, obj: Model | None = None) -> bool:
        """Without `obj`: towards anything at all."""
        right = needed(permission)
        if right is None:
            return False
        return rights.holds(user, right) if obj is None else rights.can(user, right, obj)

    def has_module_perms(self, user: User, app_label: str) -> bool:
        return any(rights.holds(user, right) for name, right in NEEDED.items() if name.split(".")[0] == app_label)

    def visible_to(self, user: User, rows: Rows, permission: str) -> Rows:
        right = needed(permission)
        return rows.none() if right is None else rights.visible_to(user, rows, right)


def needed(permission: str) -> Right | None:
    app, _dot, action = permission.partition(".")
    model = action.partition("_")[2]
    for name in (permission, f"{app}.{model}", app):
        if name in NEEDED:
            return NEEDED[name]
    return None
