"""Roles as Django asks for them: the admin and the layers below know permissions by name, here each is a right."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.apps import apps
from django.contrib.auth.backends import BaseBackend
from django.db.models import Model, QuerySet

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.directory.models import ContactPoint, Person

Rows = TypeVar("Rows", bound=QuerySet)

#: `app.action_model`, else `app.model`, else `app`: the right it takes. None, and what is not named, takes a superuser.
NEEDED: dict[str, Right | None] = {
    "directory": Right.MANAGE_PEOPLE,
    "directory.see_contactpoint": Right.SEE_ADDRESSES,
    "directory.segment": Right.WRITE,
    "directory.view_segment": Right.SEE,
    "directory.segmentrule": Right.WRITE,
    "directory.view_segmentrule": Right.SEE,
    "accounts.user": Right.MANAGE_PEOPLE,
    "accounts.roleassignment": Right.GRANT,
    "accounts.apikey": Right.GRANT,
    "accounts.invitation": Right.MANAGE_PEOPLE,
    "channels": Right.MANAGE_CHANNELS,
    # Of all units at once, with texts and addresses; others have the console's page of their own.
    "channels.sandboxmessage": None,
    "core.alert": Right.MANAGE_CHANNELS,
    "messaging": Right.WRITE,
    "messaging.view_message": Right.SEE,
    "messaging.send_message": Right.PUBLISH,
    "messaging.view_messagechannel": Right.SEE,
    "messaging.view_audiencerow": Right.SEE,
    # Whoever changes a type may take the need of approval away.
    "messaging.messagetype": Right.GRANT,
    "messaging.view_messagetype": Right.SEE,
    "messaging.view_template": Right.SEE,
    "delivery.view_recipient": Right.SEE,
    "delivery.view_delivery": Right.SEE,
    "delivery.view_attempt": Right.SEE,
    "delivery.view_receipt": Right.MANAGE_CHANNELS,
    "delivery.suppression": Right.MANAGE_PEOPLE,
    "audit.view_entry": Right.READ_AUDIT,
}
#: What decides where somebody's codes and links go: who sets it may log in as him. With him go his addresses.
ADDRESSING = {"directory.address_person", "directory.delete_person"}
ADDRESSING |= {f"directory.{act}_contactpoint" for act in ("add", "change", "delete")}


class RoleBackend(BaseBackend):
    """Gives permissions to those who hold the right; it logs nobody in."""

    def has_perm(self, user: User, permission: str, obj: Model | None = None) -> bool:
        """Without `obj`: towards anything at all, and for rows that belong to no unit in the whole school."""
        if rights.almighty(user):
            return True
        right = needed(permission)
        if right is None:
            return False
        if obj is not None:
            return rights.can(user, right, obj) and not (permission in ADDRESSING and _owner_exceeds(obj, user))
        return _once(user, right, rights.holds) if _belongs_to_units(permission) else self._in_school(user, right)

    def has_module_perms(self, user: User, app_label: str) -> bool:
        """Of the app `admin`: whether the user holds any right the admin serves."""
        served = frozenset(NEEDED[name] for name in NEEDED if app_label in ("admin", name.split(".")[0])) - {None}
        return rights.almighty(user) or _once(user, served, rights.holds_any)

    def everywhere(self, user: User, permission: str) -> bool:
        right = needed(permission)
        return rights.almighty(user) or (right is not None and self._in_school(user, right))

    def _in_school(self, user: User, right: Right) -> bool:
        return _once(user, (right, "whole"), lambda user, _asked: rights.can(user, right, None))

    def mightier_people(self, user: User) -> set[int]:
        return rights.mightier_people(user)

    def visible_to(self, user: User, rows: Rows, permission: str) -> Rows:
        right = needed(permission)
        if right is None:
            return rows if rights.almighty(user) else rows.none()
        return rights.visible_to(user, rows, right)


def _once(user: User, asked: Any, answer: Callable[[User, Any], bool]) -> bool:
    """As it was answered before in this request, where the user remembers it."""
    memory = getattr(user, "remembered", None)
    if memory is None:
        return answer(user, asked)
    if asked not in memory:
        memory[asked] = answer(user, asked)
    return memory[asked]


def needed(permission: str) -> Right | None:
    app, _dot, action = permission.partition(".")
    model = action.partition("_")[2]
    for name in (permission, f"{app}.{model}", app):
        if name in NEEDED:
            return NEEDED[name]
    return None


def _belongs_to_units(permission: str) -> bool:
    app, _dot, action = permission.partition(".")
    try:
        return bool(getattr(apps.get_model(app, action.partition("_")[2]), "unit_paths", ()))
    except LookupError:
        return False


def _owner_exceeds(obj: Model, user: User) -> bool:
    person = obj.person_id if isinstance(obj, ContactPoint) else obj.pk if isinstance(obj, Person) else None
    login = User.objects.filter(person=person).first() if person else None
    if login is None or login == user:
        return False
    return rights.exceeds(login, user) or rights.shared_guardians(user).filter(pk=person).exists()
