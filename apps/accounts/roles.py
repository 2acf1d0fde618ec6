"""Handing out roles and taking them back: never to oneself, and never more than one holds."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts import rights
from apps.accounts.models import RoleAssignment, User
from apps.accounts.rights import RIGHTS, Right, Role
from apps.audit import changes
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from apps.directory.models import OrgUnit


@transactional
def grant(user: User, role: str, unit: OrgUnit, *, by: User) -> RoleAssignment:
    """Raises `NotFound`, `NotAllowed` or `InvalidInput` as `check_grant`, `Conflict` where he holds it already."""
    check_grant(user, role, unit, by=by)
    # Two who grant it at once take turns here.
    User.objects.select_for_update().get(pk=user.pk)
    assignment, made = RoleAssignment.objects.get_or_create(user=user, role=role, unit=unit)
    if not made:
        raise Conflict(_("%s holds this role there already.") % user)
    audit.record("grant", assignment, by=by, changes=changes.shown(RoleAssignment, {"role": (None, role)}))
    return assignment


@transactional
def revoke(assignment: RoleAssignment, *, by: User) -> None:
    """Raises `NotFound` or `NotAllowed`."""
    if not visible_to(by).filter(pk=assignment.pk).exists():
        raise NotFound()
    if not may_revoke(assignment, by=by):
        raise NotAllowed(_("This role holds more than you do there."))
    told = changes.shown(RoleAssignment, {"role": (assignment.role, None)})
    audit.record("revoke", assignment, by=by, changes=told)
    assignment.delete()


def check_grant(user: User, role: str, unit: OrgUnit, *, by: User) -> None:
    """Raises `NotFound` for a unit or user that `by` must not know of, `NotAllowed` for what he may not hand out."""
    if role not in Role.values:
        raise InvalidInput(_("There is no such role."), field="role")
    require_granting(unit.pk, by=by)
    if user.pk == by.pk:
        raise NotAllowed(_("Nobody gives himself a role."), field="username")
    if not candidates(by).filter(pk=user.pk).exists():
        raise NotFound(_("There is no such user."), field="username")
    if not RIGHTS[Role(role)] <= rights.rights_in(by, unit):
        raise NotAllowed(_("This role holds more than you do there."), field="role")


def require_granting(unit_id: int, *, by: User) -> OrgUnit:
    """The unit, if `by` may hand out something there. Raises `NotFound` or `NotAllowed`."""
    if unit_id not in rights.units_with(by, Right.SEE):
        raise NotFound(_("There is no such unit."), field="unit")
    unit = OrgUnit.objects.without_tree_fields().get(pk=unit_id)
    if not rights.can(by, Right.GRANT, unit):
        raise NotAllowed()
    return unit


def candidate(username: str, *, by: User) -> User:
    """Raises `NotFound` for somebody `by` must not know of as for nobody."""
    found = by if username == by.username else candidates(by).filter(username=username).first()
    if found is None:
        raise NotFound(_("There is no such user."), field="username")
    return found


def may_revoke(assignment: RoleAssignment, *, by: User) -> bool:
    held = rights.rights_in(by, assignment.unit)
    return Right.GRANT in held and RIGHTS[Role(assignment.role)] <= held


def visible_to(user: User) -> QuerySet[RoleAssignment]:
    """The roles that somebody holds in units where the user may hand out some."""
    return rights.visible_to(user, RoleAssignment.objects.select_related("user__person", "unit"), Right.GRANT)


def candidates(by: User) -> QuerySet[User]:
    """Whom `by` may give a role: people of his units, and who holds a role in them."""
    return rights.visible_to(by, User.objects.filter(is_active=True), Right.GRANT)
