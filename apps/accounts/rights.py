"""Who may do what: one rule, asked by REST, pages, admin and tasks alike."""

from enum import StrEnum

from django.db.models import QuerySet

from apps.accounts.models import RoleAssignment, User
from apps.directory.models import Membership, OrgUnit, Person

Role = RoleAssignment.Role


class Right(StrEnum):
    WRITE = "write"
    PUBLISH = "publish"
    APPROVE = "approve"
    EMERGENCY = "emergency"


RIGHTS = {
    Role.ADMINISTRATOR: {Right.WRITE, Right.PUBLISH, Right.APPROVE, Right.EMERGENCY},
    Role.AUTHOR: {Right.WRITE, Right.PUBLISH},
    Role.APPROVER: {Right.PUBLISH, Right.APPROVE},
}


def units_with(user: User, right: Right) -> set[int]:
    """Ids of the units in which the user holds the right; a role covers the unit's whole subtree."""
    if user.is_superuser:
        return set(OrgUnit.objects.values_list("pk", flat=True))
    roles = [role for role, rights in RIGHTS.items() if right in rights]
    return _subtrees(user, roles)


def visible_units(user: User) -> set[int]:
    """Ids of the units whose messages the user may see: those in which he holds any role."""
    if user.is_superuser:
        return set(OrgUnit.objects.values_list("pk", flat=True))
    return _subtrees(user, list(Role))


def may(user: User, right: Right, unit: OrgUnit) -> bool:
    if user.is_superuser:
        return True
    roles = [role for role, rights in RIGHTS.items() if right in rights]
    above = list(unit.ancestors(include_self=True).values_list("pk", flat=True))
    return RoleAssignment.objects.filter(user=user, role__in=roles, unit__in=above).exists()


def operates(user: User) -> bool:
    """Whether the user may stop sending for everybody: a superuser, or an administrator of the whole school."""
    if user.is_superuser:
        return True
    return RoleAssignment.objects.filter(user=user, role=Role.ADMINISTRATOR, unit__parent=None).exists()


def reachable_units(user: User) -> set[int]:
    """Ids of the units the user may write to as a whole, with everybody below.

    So the school itself is not among a department's: the other departments are below it.
    """
    reachable = units_of_reachable_people(user)
    parents = dict(OrgUnit.objects.without_tree_fields().values_list("pk", "parent_id"))
    for beyond in parents.keys() - reachable:
        above = parents[beyond]
        while above is not None:
            reachable.discard(above)
            above = parents[above]
    return reachable


def units_of_reachable_people(user: User) -> set[int]:
    """Ids of the units whose own people the user may write to, one by one.

    A department of the school writes to everybody beside it except the other departments' own people; a college
    writes to itself.
    """
    reachable = visible_units(user)
    if user.is_superuser:
        return reachable
    for unit in OrgUnit.objects.filter(roles__user=user, kind=OrgUnit.Kind.DEPARTMENT, parent__isnull=False):
        beside = _below(unit.parent)
        other_departments = OrgUnit.objects.filter(pk__in=beside, kind=OrgUnit.Kind.DEPARTMENT)
        reachable |= beside - {pk for other in other_departments for pk in _below(other)}
    return reachable


def reachable_people(user: User) -> QuerySet[Person]:
    """The people the user may write to one by one."""
    if user.is_superuser:
        return Person.objects.all()
    members = Membership.objects.filter(unit__in=units_of_reachable_people(user))
    return Person.objects.filter(pk__in=members.values("person"))


def _subtrees(user: User, roles: list[Role]) -> set[int]:
    units = OrgUnit.objects.filter(roles__user=user, roles__role__in=roles).distinct()
    return {pk for unit in units for pk in _below(unit)}


def _below(unit: OrgUnit) -> set[int]:
    return set(unit.descendants(include_self=True).values_list("pk", flat=True))
