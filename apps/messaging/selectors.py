"""Reading messages. Everything a person may see goes through `visible_to`."""

from collections.abc import Collection

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from apps.accounts import rights
from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.messaging.models import Message, MessageChannel
from apps.messaging.states import LIVE, WITHDRAWN, Status


def visible_to(user: User) -> QuerySet[Message]:
    """The messages of the units in which the user may see them; with a test key, those written with one."""
    rows = Message.objects.filter(sandboxed=True) if user.uses_test_key else Message.objects.all()
    return rights.visible_to(user, rows).select_related("type", "unit", "author")


def get(user: User, message_id: int) -> Message:
    """Raises `NotFound` for a foreign message as for one that never was."""
    message = visible_to(user).filter(pk=message_id).first()
    if message is None:
        raise NotFound()
    return message


def publish_due(limit: int) -> list[int]:
    """Ids of scheduled messages whose time has come; a paused one starts when it is resumed."""
    return _ids({Status.SCHEDULED}, Q(publish_at__lte=Now(), paused_at=None), limit)


def expire_due(limit: int) -> list[int]:
    return _ids(LIVE | {Status.SCHEDULED}, Q(expires_at__lte=Now()), limit)


def fan_out_stalled(limit: int) -> list[int]:
    """Ids of messages in fan-out whose doorbell was lost, or whose worker was."""
    return _ids({Status.PUBLISHING}, Q(ring_at__lte=Now(), paused_at=None), limit)


def finishable(limit: int) -> list[int]:
    """Ids of published messages with nothing left open."""
    unsettled = MessageChannel.objects.unsettled().filter(message__status=Status.PUBLISHED)
    return _ids({Status.PUBLISHED}, ~Q(pk__in=unsettled.values("message")), limit)


def ended_unsettled(limit: int) -> list[int]:
    """Ids of recalled and expired messages with deliveries still open."""
    unsettled = MessageChannel.objects.unsettled().filter(message__status__in=WITHDRAWN)
    return _ids(WITHDRAWN, Q(pk__in=unsettled.values("message")), limit)


def unmoved(limit: int) -> list[Message]:
    """Messages that ought to move, and of which nothing was settled or fanned out for STUCK_AFTER."""
    since = Now() - settings.STUCK_AFTER
    unsettled = MessageChannel.objects.unsettled().filter(message=OuterRef("pk"))
    moved = MessageChannel.objects.filter(message=OuterRef("pk"), moved_at__gt=since)
    return list(
        Message.objects.filter(
            Q(status=Status.PUBLISHING) | Exists(unsettled),
            ~Exists(moved),
            status__in=LIVE,
            paused_at=None,
            published_at__lte=since,
        )
        .defer("content")
        .order_by("pk")[:limit]
    )


def _ids(statuses: Collection[Status], condition: Q, limit: int) -> list[int]:
    return list(
        Message.objects.filter(condition, status__in=statuses).order_by("pk").values_list("pk", flat=True)[:limit]
    )
