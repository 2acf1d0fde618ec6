"""Whom a message would reach, and over which channels, before anybody sends it. Counts and names, never addresses.

The people are looked up once and set aside; each further figure is a join with their ids. What is said of a channel is
what fan-out would write (`services/freezing.py`): the first address of a person counts.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from apps.channels.models import Channel
from apps.core.db import Aside, set_aside
from apps.delivery.models import Delivery, Recipient, Suppression
from apps.delivery.states import Status as State
from apps.directory.models import ContactPoint, Membership, OrgUnit, Person
from apps.messaging import audience
from apps.messaging.drafts import Rule
from apps.messaging.models import Message
from apps.messaging.states import FREEZING, Status

SAMPLE = 10


@dataclass(frozen=True, slots=True)
class Unreachable:
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ChannelReach:
    key: str
    title: str
    reachable: int
    unreachable: tuple[Unreachable, ...]


@dataclass(frozen=True, slots=True)
class UnitCount:
    """How many belong to the unit itself; somebody of two units is counted in both."""

    id: int
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """`frozen`: these are people and channels as they were written down, not what the rules would bring today; the
    units are today's. `without_unit` belong to none, as most guardians."""

    frozen: bool
    count: int
    channels: tuple[ChannelReach, ...]
    units: tuple[UnitCount, ...]
    without_unit: int
    sample: tuple[str, ...]


def of_message(message: Message) -> Preview:
    channels = Channel.objects.filter(message_channels__message=message)
    if message.status in {Status.DRAFT, *FREEZING}:
        return _preview(audience.people(message).values_list("pk"), channels)
    people = Recipient.objects.filter(message=message).order_by("person")
    return replace(_preview(people.values_list("person"), ()), frozen=True, channels=tuple(_frozen(message)))


def of_rules(rules: Iterable[Rule], uploaded: Collection[int], *, channels: Iterable[Channel]) -> Preview:
    """Of an audience that is not stored; `uploaded` are the ids of the uploaded people."""
    return _preview(audience.planned(rules, uploaded).values_list("pk"), channels)


def _preview(ids: QuerySet, channels: Iterable[Channel]) -> Preview:
    with set_aside(ids) as people:
        return Preview(
            frozen=False,
            count=people.count,
            channels=tuple(_reach(channel, people) for channel in channels),
            units=tuple(_units(people)),
            without_unit=people.count - people.count_in(Membership.objects.values("person")),
            sample=tuple(_sample(people)),
        )


def _reach(channel: Channel, people: Aside) -> ChannelReach:
    if not channel.delivers:
        return ChannelReach(channel.key, str(channel), people.count, ())
    addresses = ContactPoint.objects.filter(kind=channel.address_kind)
    counts = {"no_address": people.count - people.count_in(addresses.values("person"))}
    counts |= _suppressed(channel.address_kind, addresses.filter(person__in=people.ids))
    unreachable = tuple(Unreachable(reason, count) for reason, count in counts.items() if count)
    return ChannelReach(channel.key, str(channel), people.count - sum(counts.values()), unreachable)


def _frozen(message: Message) -> Iterable[ChannelReach]:
    """As it was written down: addresses and the suppression list have gone on since."""
    for row in message.message_channels.select_related("channel").order_by("channel"):
        deliveries = Delivery.objects.filter(message_channel=row)
        out = deliveries.filter(status=State.SUPPRESSED).values_list("reason").annotate(count=Count("pk"))
        unreachable = tuple(Unreachable(reason, count) for reason, count in out.order_by("reason"))
        everybody = deliveries.count() if row.channel.delivers else Recipient.objects.filter(message=message).count()
        reachable = everybody - sum(one.count for one in unreachable)
        yield ChannelReach(row.channel.key, str(row.channel), reachable, unreachable)


def _suppressed(kind: str, addresses: QuerySet[ContactPoint]) -> dict[str, int]:
    """Reason -> how many are on the suppression list for it with the first of their addresses.

    Asked from the list's side, which is short: `value__in` lets the database begin there.
    """
    listed = Suppression.objects.filter(kind=kind)
    older = ContactPoint.objects.filter(person=OuterRef("person"), kind=kind, pk__lt=OuterRef("pk"))
    reason = listed.filter(value=OuterRef("value")).order_by("reason").values("reason")[:1]
    rows = addresses.filter(~Exists(older), value__in=listed.values("value")).annotate(listed=Subquery(reason))
    return dict(rows.values_list("listed").annotate(count=Count("pk")).order_by("listed"))


def _units(people: Aside) -> Iterable[UnitCount]:
    rows = Membership.objects.filter(person__in=people.ids).values_list("unit").annotate(count=Count("pk")).order_by()
    counts = dict(rows)
    units = OrgUnit.objects.without_tree_fields().filter(pk__in=counts).order_by("name")
    return (UnitCount(unit.pk, unit.name, counts[unit.pk]) for unit in units)


def _sample(people: Aside) -> Iterable[str]:
    ids = people.spread(SAMPLE)
    return Person.objects.filter(pk__in=ids).order_by("pk").values_list("name", flat=True)
