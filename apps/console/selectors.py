"""What the console shows: rows made ready for a page, and what the reader may do with them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.channels import accounts
from apps.channels.models import LETTER, Channel, SandboxMessage
from apps.channels.providers.sandbox import SandboxProvider
from apps.core import alerts
from apps.core.errors import NotAllowed, NotFound
from apps.core.models import Alert
from apps.delivery import selectors as ledger
from apps.delivery.models import Delivery
from apps.delivery.states import Status as DeliveryStatus
from apps.directory.models import OrgUnit
from apps.messaging import selectors as messaging
from apps.messaging import services
from apps.messaging.models import SETTLED_COUNTERS, Message, Template
from apps.messaging.states import LIVE, PAUSABLE, RECALLABLE, Status

PROBLEMS_SHOWN = 50


@dataclass(slots=True)
class Node:
    """An org unit with what is below it."""

    unit: OrgUnit
    children: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Brakes:
    """What the list of messages says of the whole house. `operates`: the reader may do something about it."""

    operates: bool
    alerts: int
    paused: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the reader may do with a message now."""

    edit: bool
    publish: bool
    recall: bool
    pause: bool
    resume: bool
    resend: bool


def require_any_role(user: User) -> None:
    if not rights.holds(user, Right.SEE):
        raise NotAllowed()


def require_writer(user: User) -> None:
    if not rights.units_with(user, Right.WRITE):
        raise NotAllowed()


def listed(user: User, *, status: str = "", text: str = "") -> QuerySet[Message]:
    """The messages the user may see, newest first, with the counters of their channels."""
    found = messaging.visible_to(user).prefetch_related("message_channels").order_by("-pk")
    if status in Status.values:
        found = found.filter(status=status)
    if text:
        found = found.filter(title__icontains=text)
    return found


def settled(message: Message) -> tuple[int, int]:
    """How many deliveries of a message are settled, and how many there are; told by the counters."""
    rows = message.message_channels.all()
    done = sum(getattr(row, name) for row in rows for name in SETTLED_COUNTERS)
    return done, sum(row.total for row in rows)


def abilities(user: User, message: Message) -> Abilities:
    draft = message.status == Status.DRAFT
    sends = not draft and rights.can(user, Right.PUBLISH, message.unit)
    return Abilities(
        edit=draft and rights.can(user, Right.WRITE, message.unit),
        publish=draft and _may_publish(user, message),
        recall=sends and message.status in RECALLABLE,
        pause=sends and message.status in PAUSABLE and not message.paused,
        resume=sends and message.paused,
        resend=sends and message.status in LIVE | {Status.FINISHED} and not _past_expiry(message),
    )


def _past_expiry(message: Message) -> bool:
    left = message.seconds_left()
    return left is not None and left <= 0


def _may_publish(user: User, message: Message) -> bool:
    try:
        services.require_publishing(message, by=user)
    except (NotAllowed, NotFound):
        return False
    return True


def writable_units(user: User) -> QuerySet[OrgUnit]:
    return OrgUnit.objects.without_tree_fields().filter(pk__in=rights.units_with(user, Right.WRITE)).order_by("name")


def reachable_tree(user: User) -> list[Node]:
    """The units the user may write to, as a tree; a unit whose parent is out of reach stands at the top."""
    units = OrgUnit.objects.without_tree_fields().filter(pk__in=rights.reachable_units(user)).order_by("name")
    return tree(units)


def tree(units: Iterable[OrgUnit]) -> list[Node]:
    nodes = {unit.pk: Node(unit) for unit in units}
    children = defaultdict(list)
    for node in nodes.values():
        children[node.unit.parent_id if node.unit.parent_id in nodes else None].append(node)
    for pk, node in nodes.items():
        node.children = children[pk]
    return children[None]


def templates() -> list[dict[str, object]]:
    """Every template as the page's script wants it."""
    return list(Template.objects.order_by("type", "name").values("id", "type_id", "name", "title", "content"))


def sandboxed(channels: Iterable[Channel]) -> set[str]:
    """Keys of the channels whose deliveries end in the sandbox: nothing of them leaves the house."""
    found = set()
    for channel in channels:
        used = accounts.in_use(channel) if channel.delivers else []
        if used and all(account.provider == SandboxProvider.key for account in used):
            found.add(channel.key)
    return found


def into_sandbox(message: Message, channels: Iterable[Channel]) -> set[str]:
    """Keys of the channels over which this message goes to the sandbox."""
    return {one.key for one in channels if one.delivers} if message.sandboxed else sandboxed(channels)


def problems(message: Message) -> list[Delivery]:
    """The first people who were not reached, but for those who may have been (`undecided`)."""
    unreached = ledger.deliveries(message).filter(status__in=[DeliveryStatus.FAILED, DeliveryStatus.SUPPRESSED])
    return list(unreached.exclude(reason="unconfirmed").order_by("pk")[:PROBLEMS_SHOWN])


def undecided(message: Message) -> list[Delivery]:
    """The first of those nobody knows the outcome of: a person may send them again."""
    return list(_undecided(message)[:PROBLEMS_SHOWN])


def unconfirmed_count(message: Message) -> int:
    """How many `resend_unconfirmed` would send again."""
    return ledger.deliveries(message).filter(status=DeliveryStatus.FAILED, reason="unconfirmed").count()


def _undecided(message: Message) -> QuerySet[Delivery]:
    unconfirmed = Q(status=DeliveryStatus.FAILED, reason="unconfirmed")
    return ledger.deliveries(message).filter(unconfirmed | Q(status=DeliveryStatus.UNKNOWN)).order_by("pk")


def delivery_of(message: Message, delivery_id: int) -> Delivery:
    """Raises `NotFound` for one of another message."""
    found = ledger.deliveries(message).filter(pk=delivery_id).first()
    if found is None:
        raise NotFound()
    return found


def why_stuck(message: Message) -> str:
    """The code of the reason for which the message does not move; empty while it does."""
    stuck = alerts.still_open().filter(kind=alerts.Kind.MESSAGE_STUCK, subject=str(message.pk))
    return stuck.values_list("detail", flat=True).first() or ""


def leaving() -> list[Channel]:
    """The channels that leave the house."""
    return list(Channel.objects.exclude(address_kind=""))


def brakes(user: User) -> Brakes:
    """That a channel is paused is for everybody who writes to know; alerts are for those who answer for the school."""
    operates = rights.operates(user)
    paused = tuple(Channel.objects.exclude(paused_reason=""))
    return Brakes(operates, alerts.still_open().count() if operates else 0, paused)


def open_alerts(limit: int) -> list[tuple[str, Alert]]:
    """What an alert is called, and the alert; the newest first."""
    rows = alerts.still_open().order_by("-last_at", "-pk")[:limit]
    return [(str(alerts.KINDS.get(row.kind, row.kind)), row) for row in rows]


def require_operator(user: User) -> None:
    if not rights.operates(user):
        raise NotAllowed()


def sandbox_messages(user: User, *, address: str = "") -> QuerySet[SandboxMessage]:
    """What the sandbox kept of the messages the user may see, newest first; `open`: with the addresses.

    Who may not see addresses finds a whole one that he knows already, but cannot feel his way to others. Codes and
    links to log in with belong to no message: whoever reads them could log in as anybody.
    """
    delivery = Delivery.objects.filter(pk=OuterRef("delivery_id"))
    shown = Q(Exists(rights.visible_to(user, delivery)))
    with_addresses = Q(Exists(rights.visible_to(user, delivery, Right.SEE_ADDRESSES)))
    if user.is_superuser:
        shown, with_addresses = shown | Q(delivery_id=LETTER), with_addresses | Q(delivery_id=LETTER)
    found = SandboxMessage.objects.filter(shown).annotate(open=with_addresses)
    if address:
        found = found.annotate(address=Cast("addresses", TextField()))
        found = found.filter(Q(address__icontains=f'"{address}"') | Q(open=True, address__icontains=address))
    return found.select_related("account__channel").order_by("-pk")
