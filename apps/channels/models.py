"""The ways a message can take, and the accounts through which it leaves the house."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from apps.core.fields import ExactCharField
from apps.directory.models import ContactPoint


class Channel(models.Model):
    """A way to a person, and the rules of dispatch on it.

    `batch_size` is how many deliveries one task claims, `window` how many of them at the most are handed over before
    their outcomes are written, `chains` how many batches of one message are out at a time: a small message waits behind
    so many of a huge one at most.
    """

    class CrashRule(models.TextChoices):
        REPEAT = "repeat", _("send again with the same identifier")
        NEVER = "never", _("never send again by itself")

    key = ExactCharField(_("key"), max_length=20, unique=True)
    title = models.CharField(_("title"), max_length=50)
    enabled = models.BooleanField(_("enabled"), default=True)
    paused_reason = models.CharField(_("paused because"), max_length=200, blank=True, editable=False)
    address_kind = ExactCharField(
        _("kind of address"),
        max_length=20,
        choices=ContactPoint.Kind.choices,
        blank=True,
        help_text=_("Empty: the message stays in the house (inbox) and needs no delivery."),
    )
    every_address = models.BooleanField(
        _("every address"), default=False, help_text=_("Send to all addresses of the person, not only to the first.")
    )
    batch_size = models.PositiveIntegerField(
        _("batch size"), default=500, validators=[MinValueValidator(1), MaxValueValidator(5000)]
    )
    window = models.PositiveIntegerField(
        _("window"), default=50, validators=[MinValueValidator(1), MaxValueValidator(500)]
    )
    chains = models.PositiveIntegerField(
        _("batches at a time"), default=32, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    max_attempts = models.PositiveIntegerField(
        _("attempts at most"), default=5, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    crash_rule = models.CharField(_("after a crash"), max_length=10, choices=CrashRule.choices, default=CrashRule.NEVER)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["pk"]

    def __str__(self) -> str:
        # The titles of the channels we ship are message ids; a school's own title stands as it was typed.
        return gettext(self.title)

    @property
    def delivers(self) -> bool:
        """Whether something leaves the house: everything but the inbox, which is the Recipient row itself."""
        return bool(self.address_kind)

    @property
    def paused(self) -> bool:
        return bool(self.paused_reason)

    def lane(self, *, urgent: bool) -> str:
        """The Celery queue this channel's deliveries ring on."""
        return f"{self.key}.{'urgent' if urgent else 'bulk'}"


class ProviderAccount(models.Model):
    """An account at a provider. The settings are encrypted at rest and written, never shown.

    Of the accounts of a channel that are in use, each gets its share by `weight`; with weight 0 it is a reserve for
    when no other is. `rate` is deliveries a second, for all workers together. While `rests_until` lies ahead nothing
    leaves through it: the breaker is open; `outages` counts how often in a row it has opened. `paused_reason` stops it
    until somebody resumes it, or until it is well again if it was paused by itself (`recovers`).
    """

    channel = models.ForeignKey(Channel, models.PROTECT, related_name="accounts", verbose_name=_("channel"))
    name = models.CharField(_("name"), max_length=100)
    provider = ExactCharField(_("provider"), max_length=30)
    secret_settings = EncryptedTextField(_("settings"), null=True, blank=True, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    weight = models.PositiveIntegerField(
        _("weight"),
        default=100,
        validators=[MaxValueValidator(1000)],
        help_text=_("0: only when no other can be used."),
    )
    rate = models.DecimalField(
        _("deliveries a second"),
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("Empty: as fast as it goes."),
    )
    paused_reason = models.CharField(_("paused because"), max_length=200, blank=True)
    recovers = models.BooleanField(_("resumes by itself"), default=False, editable=False)
    rests_until = models.DateTimeField(_("rests until"), null=True, editable=False)
    outages = models.PositiveSmallIntegerField(_("outages in a row"), default=0, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        constraints = [models.UniqueConstraint(fields=["channel", "name"], name="account_name_once")]

    def __str__(self) -> str:
        return f"{self.channel} · {self.name}"


class AccountEvent(models.Model):
    """Append-only: every change of an account's weight or state, with its reason; `by` is empty for our own."""

    class Kind(models.TextChoices):
        WEIGHT = "weight", _("weight changed")
        RATE = "rate", _("rate changed")
        ENABLED = "enabled", _("switched on")
        DISABLED = "disabled", _("switched off")
        PAUSED = "paused", _("paused")
        RESUMED = "resumed", _("resumed")
        RESTED = "rested", _("left alone for a while")
        RECOVERED = "recovered", _("in use again")

    account = models.ForeignKey(
        ProviderAccount, models.CASCADE, related_name="events", verbose_name=_("provider account")
    )
    at = models.DateTimeField(_("time"), auto_now_add=True)
    kind = ExactCharField(_("what"), max_length=20, choices=Kind.choices)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="account_events", verbose_name=_("by")
    )

    class Meta:
        verbose_name = _("account event")
        verbose_name_plural = _("account events")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.reason}"


#: In place of a delivery's id: a code or a link to log in with, which belongs to no message (`workers/letters.py`).
LETTER = 0


class SandboxMessage(models.Model):
    """What the sandbox provider would have sent. Nothing of it left the house."""

    at = models.DateTimeField(_("time"), auto_now_add=True)
    account = models.ForeignKey(ProviderAccount, models.CASCADE, verbose_name=_("provider account"))
    delivery_id = models.BigIntegerField(_("delivery"))
    attempt = models.PositiveIntegerField(_("attempt"))
    key = ExactCharField(_("key"), max_length=100, db_index=True)
    addresses = models.JSONField(_("addresses"))
    title = models.CharField(_("title"), max_length=255)
    body = models.TextField(_("text"))

    class Meta:
        verbose_name = _("sandbox message")
        verbose_name_plural = _("sandbox messages")

    def __str__(self) -> str:
        return f"{self.key} · {self.title}"
