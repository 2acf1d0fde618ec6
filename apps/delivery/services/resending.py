"""A person sends again what nobody can say the fate of."""

from collections import Counter

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import Conflict, NotFound
from apps.delivery.models import Delivery
from apps.delivery.services import updates
from apps.delivery.states import Status
from apps.messaging import services as messaging
from apps.messaging.models import Message


@transactional
def resend(delivery_id: int, *, by: User) -> Delivery:
    """Send a delivery again of which nobody knows whether it arrived; from now on it says that it may be there twice.

    Raises `NotFound` or `NotAllowed` by the rights on its message, `Conflict` where its outcome is known or the message
    is over.
    """
    delivery = Delivery.objects.select_related("message_channel__message__unit").filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound()
    messaging.reopen(delivery.message_channel.message, by=by)
    rows = Delivery.objects.filter(pk=delivery_id)
    unknown = _again(rows.filter(status=Status.UNKNOWN))
    if not unknown and not _again_unconfirmed(delivery.message_channel_id, rows):
        raise Conflict(_("The outcome of this delivery is known, or somebody is sending it again already."))
    audit.record("resend", delivery, by=by)
    delivery.refresh_from_db()
    return delivery


@transactional
def resend_unconfirmed(message: Message, *, by: User) -> int:
    """Send everything of the message again that ended unconfirmed. Returns how many; raises as `resend`."""
    messaging.reopen(message, by=by)
    ids = message.message_channels.values_list("pk", flat=True)
    count = sum(_again_unconfirmed(pk, Delivery.objects.filter(message_channel=pk)) for pk in ids)
    if not count:
        raise Conflict(_("Nothing of this message is unconfirmed."))
    audit.record("resend", message, by=by, deliveries=count)
    return count


def _again_unconfirmed(message_channel_id: int, rows: QuerySet[Delivery]) -> int:
    changed = _again(rows.filter(status=Status.FAILED, reason="unconfirmed"))
    updates.count(message_channel_id, Counter(failed=-changed))
    return changed


def _again(rows: QuerySet[Delivery]) -> int:
    """A person has decided, so it may leave through any account."""
    return rows.update(
        status=Status.WAITING,
        reason="resent",
        account=None,
        due_at=Now(),
        lease="",
        maybe_duplicate=True,
        updated_at=Now(),
    )
