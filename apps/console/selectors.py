"""What the console shows: rows made ready for a page, and what the reader may do with them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.channels import accounts
from apps.channels.models import Channel, SandboxMessage
from apps.channels.providers.sandbox import SandboxProvider
from apps.core.errors import NotAllowed, NotFound
from apps.delivery import selectors as ledger
from apps.delivery.models import Delivery
from apps.delivery.states import Status as DeliveryStatus
from apps.directory.models import OrgUnit
from apps.messaging import selectors as messaging
from apps.messaging import services
from apps.messaging.models import SETTLED_COUNTERS, Message, Template
from apps.messaging.states import RECALLABLE, Status

PROBLEMS_SHOWN = 50


@dataclass(slots=True)
class Node:
    """An org unit with what is below it."""

    unit: OrgUnit
    children: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the reader may do with a message now."""

    edit: bool
    publish: bool
    recall: bool


def require_any_role(user: User) -> None:
    if not user.is_superuser and not user.roles.exists():
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
    return Abilities(
        edit=draft and rights.may(user, Right.WRITE, message.unit),
        publish=draft and _may_publish(user, message),
        recall=message.status in RECALLABLE and rights.may(user, Right.PUBLISH, message.unit),
    )


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


def problems(message: Message) -> list[Delivery]:
    """The first people who were not reached."""
    unreached = [DeliveryStatus.FAILED, DeliveryStatus.SUPPRESSED]
    return list(ledger.deliveries(message).filter(status__in=unreached).order_by("pk")[:PROBLEMS_SHOWN])


def sandbox_messages(user: User, *, address: str = "") -> QuerySet[SandboxMessage]:
    """What the sandbox kept of the messages the user may see, newest first."""
    visible = Delivery.objects.filter(
        pk=OuterRef("delivery_id"), message_channel__message__unit__in=rights.visible_units(user)
    )
    found = SandboxMessage.objects.filter(Exists(visible)).select_related("account__channel").order_by("-pk")
    if address:
        found = found.annotate(address=Cast("addresses", TextField())).filter(address__icontains=address)
    return found
