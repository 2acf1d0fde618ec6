"""Who may do what to what: one rule, asked by REST, pages, admin, exports and tasks alike.

`visible_to(user, rows, right)` is the rule; `can(user, right, target)` is the same rule for one row. The models say by
`unit_paths` which lookups lead to the org units a row belongs to, and by `unit_limits` for which rows one of them
counts under a right. Whoever holds the right in the whole school, that is in all units that have nothing above them,
holds it towards every row; towards rows of a model without paths, only he. With an API key (`user.api_key`) a user
holds what the key's scopes name, in the key's unit, while he holds it himself.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from apps.accounts.models import ApiKey, RoleAssignment, User
from apps.directory.models import Membership, OrgUnit, Person, Relation
from apps.directory.tree import Tree

Rows = TypeVar("Rows", bound=QuerySet)
Role = RoleAssignment.Role
Kind = OrgUnit.Kind


class Right(StrEnum):
    #: Messages and what became of them, without addresses.
    SEE = "see"
    WRITE = "write"
    PUBLISH = "publish"
    APPROVE = "approve"
    EMERGENCY = "emergency"
    SEE_ADDRESSES = "see_addresses"
    MANAGE_PEOPLE = "manage_people"
    MANAGE_CHANNELS = "manage_channels"
    EXPORT = "export"
    READ_AUDIT = "read_audit"
    #: Hand out roles; never to oneself, and never more than one holds.
    GRANT = "grant"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset(Right),
    Role.UNIT_MANAGER: frozenset(
        {Right.SEE, Right.WRITE, Right.PUBLISH, Right.SEE_ADDRESSES, Right.MANAGE_PEOPLE, Right.EXPORT, Right.GRANT}
    ),
    Role.AUTHOR: frozenset({Right.SEE, Right.WRITE, Right.PUBLISH}),
    Role.APPROVER: frozenset({Right.SEE, Right.PUBLISH, Right.APPROVE}),
    Role.EMERGENCY_SENDER: frozenset({Right.SEE, Right.WRITE, Right.PUBLISH, Right.EMERGENCY}),
    Role.OPERATOR: frozenset({Right.SEE, Right.MANAGE_CHANNELS}),
    Role.AUDITOR: frozenset({Right.SEE, Right.EXPORT, Right.READ_AUDIT}),
    Role.RECIPIENT: frozenset(),
}
#: Units that work for those beside them, and are not written to by one another.
OFFICES = (Kind.DEPARTMENT, Kind.ADMINISTRATIVE)


def visible_to(user: User, rows: Rows, right: Right = Right.SEE) -> Rows:
    """Those of `rows` towards which the user holds the right."""
    if almighty(user):
        return rows
    units = units_with(user, right)
    if units and _school() <= units:
        return rows
    paths: tuple[str, ...] = getattr(rows.model, "unit_paths", ())
    if not paths:
        return rows.none()
    limits: Mapping[tuple[str, str], Q] = getattr(rows.model, "unit_limits", {})
    belongs = reduce(or_, (Q(**{f"{path}__in": units}) & limits.get((right, path), Q()) for path in paths))
    if not any(_many(rows.model, path) for path in paths):
        return rows.filter(belongs)
    # A join with memberships would give a person of two units twice.
    return rows.filter(pk__in=rows.model._base_manager.filter(belongs).values("pk"))


def can(user: User, right: Right, target: Model | None) -> bool:
    """Whether the user holds the right towards this row; None stands for the whole school."""
    if almighty(user):
        return True
    if isinstance(target, OrgUnit):
        return target.pk in units_with(user, right)
    if target is None:
        return _school() <= units_with(user, right) != set()
    return visible_to(user, target._meta.model._base_manager.filter(pk=target.pk), right).exists()


def holds(user: User, right: Right) -> bool:
    """Whether the user holds the right anywhere at all."""
    return holds_any(user, {right})


def holds_any(user: User, wanted: Collection[Right]) -> bool:
    if not _counts(user) or user.api_key:
        return any(units_with(user, right) for right in wanted)
    return user.is_superuser or _roles_with(user, *wanted).exists()


def units_with(user: User, right: Right) -> set[int]:
    """Ids of the units in which the user holds the right; a role covers the unit's whole subtree."""
    if not _counts(user):
        return set()
    if user.api_key:
        return _units_of_key(user.api_key, right)
    if user.is_superuser:
        return set(OrgUnit.objects.without_tree_fields().values_list("pk", flat=True))
    held = list(_roles_with(user, right).values_list("unit", flat=True))
    return below(held) if held else set()


def _units_of_key(key: ApiKey, right: Right) -> set[int]:
    return units_with(key.created_by, right) & below([key.unit_id]) if right in key.scopes else set()


def _roles_with(user: User, *wanted: Right) -> QuerySet[RoleAssignment]:
    """The user's roles that hold any of the rights."""
    roles = [role for role, held in RIGHTS.items() if not held.isdisjoint(wanted)]
    return RoleAssignment.objects.filter(user=user, role__in=roles)


def almighty(user: User) -> bool:
    """Whether no rule holds the user back. A superuser's API key is held back by its own."""
    return _counts(user) and user.is_superuser and user.api_key is None


def _counts(user: User) -> bool:
    """Whoever may not log in holds nothing, nor does somebody who has not (he is no `User`)."""
    return user.is_active and user.may_log_in


def rights_in(user: User, unit: OrgUnit) -> frozenset[Right]:
    """Every right the user holds in the unit."""
    if almighty(user) or not _counts(user) or user.api_key:
        return frozenset(right for right in Right if can(user, right, unit))
    above = OrgUnit.objects.ancestors(unit, include_self=True).values_list("pk", flat=True)
    held = RoleAssignment.objects.filter(user=user, unit__in=list(above)).values_list("role", flat=True)
    return frozenset().union(*(RIGHTS[Role(role)] for role in held))


def exceeds(user: User, other: User) -> bool:
    """Whether `user` holds anything that `other` does not hold there too: then `other` must not get at his login.

    A login that is switched off counts as it would if it were switched on.
    """
    if user.is_superuser or almighty(other):
        return not almighty(other)
    roles = RoleAssignment.objects.filter(user=user).select_related("unit")
    return any(not RIGHTS[Role(one.role)] <= rights_in(other, one.unit) for one in roles)


def mightier_people(user: User) -> set[int]:
    """Ids of the people whose logins exceed the user's, and of guardians who are not his alone."""
    holders = User.objects.filter(Q(is_superuser=True) | Q(roles__isnull=False), person__isnull=False)
    mightier = {one.person_id for one in holders.exclude(pk=user.pk).distinct() if exceeds(one, user)}
    return mightier | set(shared_guardians(user).values_list("pk", flat=True))


def shared_guardians(user: User) -> QuerySet[Person]:
    """Guardians with a login some of whose children or units are none of the user's: to name somebody as the guardian
    of a child of one's own must give no power over his login.
    """
    units = units_with(user, Right.MANAGE_PEOPLE)
    if almighty(user) or (units and _school() <= units):
        return Person.objects.none()
    own = Membership.objects.filter(unit__in=units).values("person")
    others = Relation.objects.exclude(of__in=own).values("person")
    elsewhere = Membership.objects.exclude(unit__in=units).values("person")
    guardians = Person.objects.filter(user__isnull=False, pk__in=Relation.objects.values("person"))
    return guardians.filter(Q(pk__in=others) | Q(pk__in=elsewhere)).exclude(pk=user.person_id)


def operates(user: User) -> bool:
    """Whether the user may stop sending for everybody."""
    return can(user, Right.MANAGE_CHANNELS, None)


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

    An office of the school writes to everybody beside it except the other offices' own people; a college writes to
    itself.
    """
    own = units_with(user, Right.WRITE)
    if almighty(user) or not own:
        return own
    if user.api_key:
        return _reach(own, [user.api_key.unit_id]) & units_of_reachable_people(user.api_key.created_by)
    return _reach(own, _roles_with(user, Right.WRITE).values("unit"))


def _reach(own: set[int], writes_for: Iterable[int] | QuerySet) -> set[int]:
    """`own` units, and what those of `writes_for` reach that are offices."""
    reachable = set(own)
    offices = OrgUnit.objects.without_tree_fields().filter(pk__in=writes_for, kind__in=OFFICES, parent__isnull=False)
    for parent in offices.values_list("parent", flat=True).distinct():
        beside = below([parent])
        others = OrgUnit.objects.without_tree_fields().filter(pk__in=beside - own, kind__in=OFFICES)
        reachable |= beside - below(others.values_list("pk", flat=True))
    return reachable


def reachable_people(user: User) -> QuerySet[Person]:
    """The people the user may write to one by one."""
    if almighty(user):
        return Person.objects.all()
    members = Membership.objects.filter(unit__in=units_of_reachable_people(user))
    return Person.objects.filter(pk__in=members.values("person"))


def below(units: Iterable[int]) -> set[int]:
    """The ids of the units and of everything below them."""
    return Tree().below(units)


def _school() -> set[int]:
    """Ids of the units that have nothing above them."""
    return set(OrgUnit.objects.without_tree_fields().filter(parent=None).values_list("pk", flat=True))


def _many(model: type[Model], path: str) -> bool:
    """Whether a row has several of what the lookup leads to."""
    for name in path.split("__"):
        if name == "pk":
            return False
        field = model._meta.get_field(name)
        if field.one_to_many or field.many_to_many:
            return True
        model = field.related_model
    return False
