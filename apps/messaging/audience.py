"""Who a message is for: its rules, resolved by the database."""

from django.db.models import FilteredRelation, Max, Q, QuerySet

from apps.directory.models import Membership, OrgUnit, Person, Relation
from apps.messaging.models import AudienceRow, AudienceRule, Message


def people(message: Message, *, after: int = 0, up_to: int | None = None) -> QuerySet[Person]:
    """Everybody in the audience with `after < id <= up_to`, each once, by id.

    The bounds go into every subquery, so that a slice costs the same however large the audience is.
    """
    bounds = Bounds(after, up_to)
    included, excluded = Q(), Q()
    for rule in message.audience_rules.select_related("unit"):
        if rule.effect == AudienceRule.Effect.INCLUDE:
            included |= _matching(rule, bounds)
        else:
            excluded |= _matching(rule, bounds)
    if not included:
        return Person.objects.none()
    found = Person.objects.filter(bounds.on("pk"), included)
    return (found.exclude(excluded) if excluded else found).order_by("pk")


def with_values(people: QuerySet[Person], message: Message) -> QuerySet[Person]:
    """The same people, each joined with the uploaded row of this message as `row` (empty for the others)."""
    return people.annotate(row=FilteredRelation("audience_rows", condition=Q(audience_rows__message=message)))


def slice_end(*, after: int, size: int) -> int | None:
    """The id of the last of the next `size` people of the directory, or None if there is nobody left.

    Slices are cut from the directory, not from the audience: finding the next people of the audience costs more the
    more of it is left, a step through the primary key always the same.
    """
    rest = Person.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
    full = rest[size - 1 : size].first()
    return full if full is not None else rest.aggregate(last=Max("pk"))["last"]


class Bounds:
    """A range of person ids as a condition on any column that holds one."""

    def __init__(self, after: int, up_to: int | None) -> None:
        self.after, self.up_to = after, up_to

    def on(self, column: str) -> Q:
        condition = Q(**{f"{column}__gt": self.after})
        return condition if self.up_to is None else condition & Q(**{f"{column}__lte": self.up_to})


def _matching(rule: AudienceRule, bounds: Bounds) -> Q:
    Reach = AudienceRule.Reach
    matching = Q()
    if rule.reach in (Reach.SELF, Reach.BOTH):
        matching |= _selected(rule, "pk", bounds)
    if rule.reach in (Reach.GUARDIANS, Reach.BOTH):
        guardians = Relation.objects.filter(
            _selected(rule, "of", None), bounds.on("person"), kind=Relation.Kind.GUARDIAN
        )
        matching |= Q(pk__in=guardians.values("person"))
    return matching


def _selected(rule: AudienceRule, column: str, bounds: Bounds | None) -> Q:
    """The rule's people themselves, as a condition on `column`; a guardian's own id says nothing about theirs."""
    within = bounds.on("person") if bounds else Q()
    if rule.uploaded:
        rows = AudienceRow.objects.filter(within, message=rule.message_id)
        return Q(**{f"{column}__in": rows.values("person")})
    if rule.person_id:
        return Q(**{column: rule.person_id})
    units = OrgUnit.objects.descendants(rule.unit, include_self=True).values_list("pk", flat=True)
    members = Membership.objects.filter(within, unit__in=list(units))
    if rule.kind:
        members = members.filter(person__kind=rule.kind)
    return Q(**{f"{column}__in": members.values("person")})
