"""Every verb on a message. API, console, admin and tasks call these; nothing else writes `Message.status`."""

from datetime import datetime

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.audit import services as audit
from apps.core import alerts, jobs
from apps.core.db import transactional
from apps.core.errors import Conflict, MsgcenterError, NotAllowed, NotFound
from apps.messaging import audience, drafts, reach, segments
from apps.messaging.drafts import Draft
from apps.messaging.models import AudienceRow, AudienceRule, Message, MessageChannel, Urgency
from apps.messaging.states import LIVE, PAUSABLE, RECALLABLE, Status, may_follow


@transactional
def create(draft: Draft, *, by: User) -> Message:
    """Store a draft. Raises `InvalidInput`, `NotAllowed` or `NotFound`; then nothing is stored."""
    drafts.check(draft, by=by)
    message = Message(author=by, writers=[by.pk], sandboxed=by.uses_test_key)
    _write(message, draft, by=by)
    audit.record("create", message, by=by, title=message.title)
    return message


@transactional
def change(message: Message, draft: Draft, *, by: User) -> Message:
    """Replace a draft's content, audience and channels. Raises `Conflict` once it is published."""
    _lock(message)
    _require(message, Right.WRITE, by=by)
    if message.status != Status.DRAFT:
        raise Conflict(_("Only a draft can be changed; this message is %s.") % message.get_status_display())
    drafts.check(draft, by=by)
    before = drafts.of(message)
    told = drafts.changes_between(before, draft)
    if drafts.rewritten(before, draft):
        message.writers = sorted({*message.writers, by.pk})
    message.audience_rules.all().delete()
    message.audience_rows.all().delete()
    message.message_channels.all().delete()
    _write(message, draft, by=by)
    audit.record("change", message, by=by, changes=told)
    return message


@transactional
def delete(message: Message, *, by: User) -> None:
    """Remove a draft. Raises `Conflict` for anything that was published."""
    _lock(message)
    _require(message, Right.WRITE, by=by)
    if message.status != Status.DRAFT:
        raise Conflict(_("Only a draft can be deleted; this message is %s.") % message.get_status_display())
    audit.record("delete", message, by=by, title=message.title)
    alerts.settle(alerts.Kind.PUBLISH_REFUSED, str(message.pk))
    message.delete()


@transactional
def publish(message: Message, *, by: User) -> Message:
    """Publish now, or at `publish_at`. Costs the same for any audience: the people are looked up by fan-out.

    Raises `Conflict` if it is not a draft any more, `InvalidInput` if its time has passed meanwhile, `NotAllowed` if a
    segment has been changed since by somebody with more reach than whoever wrote the message last, and `by` has less
    as well. From here until the audience is frozen the segment cannot be changed.
    """
    _lock(message)
    require_publishing(message, by=by)
    if message.status != Status.DRAFT:
        raise Conflict(_("This message is already %s.") % message.get_status_display())
    drafts.check_times(message.publish_at, message.expires_at)
    writer = message.editor or message.author
    # Himself he is asked as he comes: with the key he uses, if he uses one.
    reach.check_segments(_lock_segments(message), by=[by] if by == writer else [writer, by])
    if message.publish_at:
        _move(message, Status.SCHEDULED, publisher=by, publisher_key=by.api_key)
    else:
        _begin(message, publisher=by, publisher_key=by.api_key)
    alerts.settle(alerts.Kind.PUBLISH_REFUSED, str(message.pk))
    audit.record("publish", message, by=by, publish_at=message.publish_at and message.publish_at.isoformat())
    return message


def require_publishing(message: Message, *, by: User) -> None:
    """Raises `NotFound` or `NotAllowed` unless `by` is somebody who may publish this message."""
    _require(message, Right.PUBLISH, by=by)
    if message.urgency == Urgency.EMERGENCY and not rights.can(by, Right.EMERGENCY, message.unit):
        raise NotAllowed(_("You do not have the right to send emergency messages."), field="urgency")
    own = by.pk in (message.author_id, message.editor_id, *message.writers)
    if message.type.approval_needed and (own or not rights.can(by, Right.APPROVE, message.unit)):
        raise NotAllowed(_("This type of message is published by an approver who is not its author."))


@transactional
def recall(message: Message, *, by: User) -> Message:
    """Take back what has not been sent. Raises `Conflict` if there is nothing left to take back."""
    _lock(message)
    _require(message, Right.PUBLISH, by=by)
    if message.status not in RECALLABLE:
        raise Conflict(_("This message is %s and cannot be recalled.") % message.get_status_display())
    _move(message, Status.RECALLED, ended_at=timezone.now())
    audit.record("recall", message, by=by)
    jobs.enqueue(jobs.CLOSE, message.pk, lane=jobs.FAN_OUT_LANE)
    return message


@transactional
def pause(message: Message, *, by: User) -> Message:
    """No call to a provider starts from now on, nor does fan-out or a scheduled publication; expiry goes on.

    Raises `Conflict` where nothing is on its way, or it is paused already.
    """
    _lock(message)
    _require(message, Right.PUBLISH, by=by)
    if message.status not in PAUSABLE:
        raise Conflict(_("This message is %s and cannot be paused.") % message.get_status_display())
    if message.paused_at:
        raise Conflict(_("This message is paused already."))
    _set_paused(message, timezone.now())
    audit.record("pause", message, by=by)
    return message


@transactional
def resume(message: Message, *, by: User) -> Message:
    """Go on where it stood. Raises `Conflict` unless it is paused and still on its way."""
    _lock(message)
    _require(message, Right.PUBLISH, by=by)
    if not message.paused:
        raise Conflict(_("This message is not paused."))
    _set_paused(message, None)
    audit.record("resume", message, by=by)
    ring(message)
    return message


@transactional
def reopen(message: Message, *, by: User) -> Message:
    """Make sure that deliveries of the message may start, because `by` sends some again: a finished one is open again.

    Raises `Conflict` for a message that is not out yet, or was recalled or has expired.
    """
    _lock(message)
    _require(message, Right.PUBLISH, by=by)
    expired = message.expires_at is not None and message.expires_at <= timezone.now()
    if expired or message.status not in LIVE | {Status.FINISHED}:
        shown = _("expired") if expired else message.get_status_display()
        raise Conflict(_("This message is %s; nothing of it is sent again.") % shown)
    if message.status == Status.FINISHED:
        _move(message, Status.PUBLISHED, ended_at=None, paused_at=None)
        audit.record("reopen", message, by=by)
    return message


def ring(message: Message) -> None:
    """Ring for everything of the message that is ready, once the transaction has committed."""
    if message.status == Status.PUBLISHING:
        jobs.enqueue(jobs.FAN_OUT, message.pk, lane=jobs.FAN_OUT_LANE)
    for row in message.message_channels.select_related("channel"):
        if row.channel.delivers:
            jobs.enqueue(jobs.RING, row.pk, lane=jobs.FAN_OUT_LANE)


def _set_paused(message: Message, at: datetime | None) -> None:
    message.paused_at = at
    Message.objects.filter(pk=message.pk).update(paused_at=at)
    MessageChannel.objects.filter(message=message).update(moved_at=Now())


@transactional
def begin(message_id: int) -> bool:
    """Start a scheduled message whose time has come; expire it instead if that time has passed too.

    Whoever scheduled it must still be allowed to publish it; otherwise it is a draft again and an alert is raised.
    """
    message = Message.objects.select_for_update().get(pk=message_id)
    if message.status != Status.SCHEDULED or message.publish_at > timezone.now():
        return False
    if message.paused_at:
        return False
    if message.expires_at and message.expires_at <= timezone.now():
        return expire(message_id)
    if not _still_allowed(message):
        return _hand_back(message)
    _begin(message)
    audit.record("begin", message, by=None)
    return True


def _still_allowed(message: Message) -> bool:
    """What was scheduled before it was noted by whom, its author answers for."""
    publisher, key = message.publisher or message.author, message.publisher_key
    publisher.api_key = key
    try:
        require_publishing(message, by=publisher)
    except MsgcenterError:
        return False
    return key is None or key.is_valid


def _hand_back(message: Message) -> bool:
    _move(message, Status.DRAFT)
    publisher = str(message.publisher or message.author)
    alerts.raise_alert(alerts.Kind.PUBLISH_REFUSED, str(message.pk), publisher)
    audit.record("return", message, by=None, publisher=publisher)
    return False


@transactional
def expire(message_id: int) -> bool:
    """End a message whose expiry has passed; what is not yet sent never will be."""
    message = Message.objects.select_for_update().get(pk=message_id)
    if not may_follow(Status(message.status), Status.EXPIRED):
        return False
    if message.expires_at is None or message.expires_at > timezone.now():
        return False
    _move(message, Status.EXPIRED, ended_at=timezone.now())
    audit.record("expire", message, by=None)
    jobs.enqueue(jobs.CLOSE, message.pk, lane=jobs.FAN_OUT_LANE)
    return True


def finish(message_id: int) -> bool:
    """Close the books of a published message all of whose deliveries are settled."""
    unsettled = MessageChannel.objects.unsettled().filter(message=message_id)
    return bool(
        Message.objects.filter(pk=message_id, status=Status.PUBLISHED)
        .exclude(pk__in=unsettled.values("message"))
        .update(status=Status.FINISHED, ended_at=Now())
    )


def move_cursor(message: Message, *, to: int, added: int) -> None:
    """Note that fan-out has dealt with everybody up to person `to`, `added` of them recipients."""
    message.fan_out_cursor = to
    Message.objects.filter(pk=message.pk).update(
        fan_out_cursor=to, audience_size=F("audience_size") + added, ring_at=Now() + settings.RING_AGAIN
    )


def postpone_ring(message_id: int) -> None:
    """Fan-out is being rung again now; look at it again after the usual time."""
    Message.objects.filter(pk=message_id).update(ring_at=Now() + settings.RING_AGAIN)


def fanned_out(message: Message) -> None:
    """Every person of the audience has been dealt with."""
    _move(message, Status.PUBLISHED, ring_at=None)


def _begin(message: Message, **publisher: object) -> None:
    now = timezone.now()
    _move(message, Status.PUBLISHING, published_at=now, ring_at=now + settings.RING_AGAIN, **publisher)
    jobs.enqueue(jobs.FAN_OUT, message.pk, lane=jobs.FAN_OUT_LANE)


def _move(message: Message, to: Status, **fields: object) -> None:
    """The one place a message changes state; its row is locked by the caller's transaction."""
    if not may_follow(Status(message.status), to):
        raise Conflict(_("This message is already %s.") % message.get_status_display())
    changed = Message.objects.filter(pk=message.pk, status=message.status).update(status=to, **fields)
    if not changed:
        raise Conflict(_("Somebody else has just changed this message; load it again."))
    for name, value in {"status": to, **fields}.items():
        setattr(message, name, value)


def _lock(message: Message) -> None:
    """Read the message as it is now, and keep others from changing it until the transaction ends."""
    if not Message.objects.select_for_update().filter(pk=message.pk).exists():
        raise NotFound()
    message.refresh_from_db()


def _lock_segments(message: Message) -> list[int]:
    """Ids of the segments the message uses: as they are now, and nobody changes them until the transaction ends."""
    used = AudienceRule.objects.filter(message=message, segment__isnull=False).values_list("segment", flat=True)
    return segments.lock(used)


def _require(message: Message, right: Right, *, by: User) -> None:
    in_earnest = by.uses_test_key and not message.sandboxed
    if in_earnest or message.unit_id not in rights.units_with(by, Right.SEE):
        raise NotFound()
    if not rights.can(by, right, message.unit):
        raise NotAllowed()


def _write(message: Message, draft: Draft, *, by: User) -> None:
    message.editor = by
    for name in ("title", "content", "type", "unit", "urgency", "publish_at", "expires_at"):
        setattr(message, name, getattr(draft, name))
    message.save()
    # Or one could be deleted between the check and the insert.
    segments.lock(rule.segment.pk for rule in draft.rules if rule.segment)
    MessageChannel.objects.bulk_create(MessageChannel(message=message, channel=one) for one in draft.channels)
    AudienceRule.objects.bulk_create(AudienceRule(message=message, **vars(rule)) for rule in draft.rules)
    AudienceRow.objects.bulk_create(
        (AudienceRow(message=message, person_id=pk, values=dict(values)) for pk, values in draft.rows.items()),
        batch_size=1000,
    )
    drafts.check_audience(audience.people(message))
