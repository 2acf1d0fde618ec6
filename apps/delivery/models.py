"""The ledger: who is to get a message, and what became of it on every channel."""

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.channels.models import ProviderAccount
from apps.core.fields import ExactCharField
from apps.core.masking import masked
from apps.delivery.states import Status
from apps.directory.models import ContactPoint, Person
from apps.messaging.models import Message, MessageChannel


class Recipient(models.Model):
    """A person of the frozen audience of a message. It is the inbox entry itself: no worker has to bring it there."""

    message = models.ForeignKey(
        Message, models.PROTECT, related_name="recipients", verbose_name=_("message"), db_index=False
    )
    person = models.ForeignKey(Person, models.PROTECT, related_name="received", verbose_name=_("person"))
    values = models.JSONField(_("personal values"), null=True)
    created_at = models.DateTimeField(_("received at"))
    read_at = models.DateTimeField(_("read at"), null=True)

    unit_paths = ("message__unit",)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        constraints = [models.UniqueConstraint(fields=["message", "person"], name="recipient_once")]

    def __str__(self) -> str:
        return f"{self.message_id} · {self.person_id}"

    @property
    def placeholder_values(self) -> dict[str, str]:
        return placeholder_values(self.person.name, self.person.number, self.values)


def placeholder_values(name: str, number: str | None, values: Mapping[str, str] | None) -> dict[str, str]:
    """What placeholders stand for: what is known of everybody, and the personal values above it."""
    return {"name": name, "number": number or "", **(values or {})}


class Delivery(models.Model):
    """A message to one recipient on one channel that leaves the house.

    `due_at` is when a sweep has to look at the row next: a waiting row becomes ready, an unknown one is resolved. The
    others have none: queued rows are rung by the chains of their message, claimed and sending ones are under a lease.
    `status` is written by `delivery/services/` alone.
    """

    message_channel = models.ForeignKey(
        MessageChannel, models.PROTECT, related_name="deliveries", verbose_name=_("channel"), db_index=False
    )
    recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="deliveries", verbose_name=_("recipient"))
    status = ExactCharField(_("status"), max_length=10, choices=Status.choices)
    reason = ExactCharField(_("reason"), max_length=40, blank=True)
    address = ExactCharField(_("address"), max_length=512, blank=True)
    due_at = models.DateTimeField(_("due at"), null=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    lease = ExactCharField(_("lease"), max_length=32, blank=True)
    # Without a foreign key constraint, because every window of every worker would lock the account's row.
    account = models.ForeignKey(
        ProviderAccount,
        models.PROTECT,
        null=True,
        related_name="deliveries",
        verbose_name=_("provider account"),
        db_constraint=False,
        db_index=False,
    )
    maybe_duplicate = models.BooleanField(_("maybe sent twice"), default=False)
    sent_at = models.DateTimeField(_("last handed over at"), null=True)
    updated_at = models.DateTimeField(_("updated at"))

    unit_paths = ("message_channel__message__unit",)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["message_channel", "recipient"], name="delivery_once")]
        indexes = [
            models.Index(fields=["due_at"], name="delivery_due"),
            models.Index(fields=["message_channel", "status", "reason"], name="delivery_progress"),
        ]

    def __str__(self) -> str:
        return f"{self.message_channel_id} · {self.recipient_id} · {self.status}"


class Lease(models.Model):
    """A worker's hold on the deliveries from `first_id` to `last_id` that carry its token.

    A row for the batch, so that its end is moved by one write and not by one for each delivery.
    """

    token = ExactCharField(max_length=32, primary_key=True)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.token


class Attempt(models.Model):
    """Append-only: a hand-over to a provider and what came of it.

    `status` is what the delivery became by it. `took_ms` runs from the commit of `sending` to the outcome, for the
    whole window; 0 where the worker did not live to tell. What was not even offered to the provider leaves no attempt.
    What is learnt later of a hand-over is a line of its own with the same number.
    """

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts", verbose_name=_("delivery"))
    number = models.PositiveSmallIntegerField(_("number"))
    account = models.ForeignKey(
        ProviderAccount,
        models.PROTECT,
        null=True,
        related_name="attempts",
        verbose_name=_("provider account"),
        db_constraint=False,
        db_index=False,
    )
    status = ExactCharField(_("outcome"), max_length=10, choices=Status.choices)
    reason = ExactCharField(_("reason"), max_length=40, blank=True)
    detail = models.CharField(_("detail"), max_length=200, blank=True)
    reference = ExactCharField(_("reference at the provider"), max_length=128, blank=True, db_index=True)
    took_ms = models.PositiveIntegerField(_("took (ms)"), default=0)
    at = models.DateTimeField(_("time"))

    unit_paths = ("delivery__message_channel__message__unit",)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.delivery_id} · {self.number} · {self.status}"


class Receipt(models.Model):
    """Append-only: what a provider reported to our callback address, as it came, and what was made of it.

    The same report comes once, however often it is sent. `due_at` is when it is applied (again); None: that is done.
    """

    class Result(models.TextChoices):
        NEW = "new", _("new")
        APPLIED = "applied", _("applied")
        IGNORED = "ignored", _("says nothing new")
        ORPHAN = "orphan", _("belongs to no delivery")
        UNREADABLE = "unreadable", _("not understood")

    account = models.ForeignKey(
        ProviderAccount, models.CASCADE, related_name="receipts", verbose_name=_("provider account")
    )
    delivery_id = models.BigIntegerField(_("delivery"), db_index=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    digest = ExactCharField(max_length=64)
    content_type = models.CharField(_("content type"), max_length=100, blank=True)
    body = models.TextField(_("report"))
    received_at = models.DateTimeField(_("received at"), auto_now_add=True)
    due_at = models.DateTimeField(_("due at"), null=True, db_index=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    result = ExactCharField(_("result"), max_length=10, choices=Result.choices, default=Result.NEW)
    reason = models.CharField(_("reason"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [models.UniqueConstraint(fields=["account", "digest"], name="receipt_once")]

    def __str__(self) -> str:
        return f"{self.delivery_id} · {self.get_result_display()}"


class Suppression(models.Model):
    """An address nothing is sent to any more: its owner opted out, or it is dead. One row for each reason."""

    class Reason(models.TextChoices):
        OPTED_OUT = "opted_out", _("opted out")
        DEAD_ADDRESS = "dead_address", _("dead address")

    kind = ExactCharField(_("kind of address"), max_length=20, choices=ContactPoint.Kind.choices)
    value = ExactCharField(_("address"), max_length=512)
    reason = ExactCharField(_("reason"), max_length=20, choices=Reason.choices)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    audit_masks = {"value": masked}

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppression list")
        constraints = [models.UniqueConstraint(fields=["kind", "value", "reason"], name="suppression_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.get_reason_display()}"
