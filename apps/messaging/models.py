"""What departments write, for whom, and over which channels."""

from django.conf import settings
from django.db import models
from django.db.models import F, Value
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import ApiKey
from apps.channels.models import Channel
from apps.core.fields import ExactCharField
from apps.directory.models import OrgUnit, Person, Rule, Segment
from apps.messaging.states import PAUSABLE, Status


class Urgency(models.TextChoices):
    GENERAL = "general", _("general")
    URGENT = "urgent", _("urgent")
    EMERGENCY = "emergency", _("emergency")


class MessageType(models.Model):
    """Announcement, notice, exam arrangement, and what the school adds: a row, never code."""

    key = ExactCharField(_("key"), max_length=30, unique=True)
    title = models.CharField(_("title"), max_length=50)
    urgency = models.CharField(_("urgency"), max_length=10, choices=Urgency.choices, default=Urgency.GENERAL)
    channels = models.ManyToManyField(Channel, verbose_name=_("channels"), blank=True)
    approval_needed = models.BooleanField(
        _("approval needed"), default=False, help_text=_("Only an approver other than the author may publish.")
    )

    class Meta:
        verbose_name = _("message type")
        verbose_name_plural = _("message types")
        ordering = ["pk"]

    def __str__(self) -> str:
        return gettext(self.title)


class Template(models.Model):
    """A text to start from, with ((placeholders))."""

    type = models.ForeignKey(MessageType, models.CASCADE, related_name="templates", verbose_name=_("message type"))
    name = models.CharField(_("name"), max_length=100)
    title = models.CharField(_("title"), max_length=200)
    content = models.TextField(_("content"))

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["type", "name"], name="template_name_once")]

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """A message of a department. `publish_at` and `expires_at` are instants; None means at once and never."""

    title = models.CharField(_("title"), max_length=200)
    content = models.TextField(_("content"), max_length=20_000)
    type = models.ForeignKey(MessageType, models.PROTECT, related_name="messages", verbose_name=_("message type"))
    urgency = models.CharField(_("urgency"), max_length=10, choices=Urgency.choices, default=Urgency.GENERAL)
    unit = models.ForeignKey(OrgUnit, models.PROTECT, related_name="messages", verbose_name=_("owner unit"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="messages", verbose_name=_("author")
    )
    #: Whoever wrote the text last is as little its second pair of eyes as the author.
    editor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="edited_messages",
        verbose_name=_("last changed by"),
    )
    #: Ids of the users who have written a part of it since it was created: none of them approves it.
    writers = models.JSONField(default=list, editable=False)
    #: Whoever published or scheduled it last, and with which key: asked again when the clock publishes it.
    publisher = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="published_messages",
        verbose_name=_("published by"),
    )
    publisher_key = models.ForeignKey(
        ApiKey, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("published with key")
    )
    #: Written with a test key: it takes the whole path, and nothing of it leaves the house.
    sandboxed = models.BooleanField(_("sandbox only"), default=False, editable=False)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.DRAFT)
    publish_at = models.DateTimeField(_("publish time"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expiry"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    published_at = models.DateTimeField(_("published at"), null=True, editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)
    #: Fan-out has dealt with every person whose id is not above this.
    fan_out_cursor = models.BigIntegerField(default=0, editable=False)
    #: When the sweep should ring this message's fan-out again.
    ring_at = models.DateTimeField(null=True, editable=False)
    audience_size = models.PositiveIntegerField(_("audience"), default=0, editable=False)
    #: No call starts while this is set; what is with a provider is finished.
    paused_at = models.DateTimeField(_("paused at"), null=True, editable=False)

    channels = models.ManyToManyField(Channel, through="MessageChannel", verbose_name=_("channels"))

    unit_paths = ("unit",)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(fields=["status", "publish_at"], name="message_publish_due"),
            models.Index(fields=["status", "expires_at"], name="message_expire_due"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_urgent(self) -> bool:
        """Whether it goes on the lanes that bulk never takes."""
        return self.urgency != Urgency.GENERAL

    def seconds_left(self) -> float | None:
        """Until it expires; None if it never does."""
        return None if self.expires_at is None else (self.expires_at - timezone.now()).total_seconds()

    @property
    def paused(self) -> bool:
        """Whether it goes on when it is resumed; what has ended stays as it was paused or not."""
        return self.paused_at is not None and self.status in PAUSABLE


class MessageChannelQuerySet(models.QuerySet):
    def unsettled(self) -> "MessageChannelQuerySet":
        """Those with deliveries still open, told by the counters alone."""
        return self.exclude(total=sum((F(name) for name in SETTLED_COUNTERS), Value(0)))


#: One counter for each settled state of a delivery, by the same name.
SETTLED_COUNTERS = ("accepted", "delivered", "failed", "cancelled", "expired", "suppressed")


class MessageChannel(models.Model):
    """Message × channel, with counters of its deliveries: `total` less the others are still open.

    Its doorbells go in chains (`delivery/chains.py`): everything up to delivery id `rung_to` has been rung,
    `chains_out` doorbells are under way, and if nothing has moved by `ring_at` all is rung anew.
    """

    message = models.ForeignKey(Message, models.CASCADE, related_name="message_channels", verbose_name=_("message"))
    channel = models.ForeignKey(Channel, models.PROTECT, related_name="message_channels", verbose_name=_("channel"))
    total = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)
    suppressed = models.PositiveIntegerField(default=0)
    rung_to = models.BigIntegerField(default=0)
    chains_out = models.PositiveIntegerField(default=0)
    ring_at = models.DateTimeField(null=True, db_index=True)
    #: When a counter last moved; fan-out moves them as well as whatever settles a delivery.
    moved_at = models.DateTimeField(null=True, editable=False)

    objects = MessageChannelQuerySet.as_manager()
    unit_paths = ("message__unit",)

    class Meta:
        verbose_name = _("channel of a message")
        verbose_name_plural = _("channels of messages")
        ordering = ["channel_id"]
        constraints = [models.UniqueConstraint(fields=["message", "channel"], name="message_channel_once")]

    def __str__(self) -> str:
        return f"{self.message} · {self.channel}"


class AudienceRule(Rule):
    """One line of a message's audience; beside what every rule says, it may be the uploaded people or a segment."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="audience_rules", verbose_name=_("message"))
    segment = models.ForeignKey(Segment, models.PROTECT, null=True, blank=True, verbose_name=_("segment"))
    uploaded = models.BooleanField(_("the uploaded people"), default=False)

    class Meta:
        verbose_name = _("audience rule")
        verbose_name_plural = _("audience rules")
        ordering = ["pk"]

    @property
    def named(self) -> object:
        if self.uploaded:
            return _("the uploaded people")
        # Of messages that are over, a segment may be deleted.
        return self.unit or self.person or self.segment or _("a deleted segment")


class AudienceRow(models.Model):
    """An uploaded person with personal values (placeholder name -> text)."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="audience_rows", verbose_name=_("message"))
    person = models.ForeignKey(Person, models.CASCADE, related_name="audience_rows", verbose_name=_("person"))
    values = models.JSONField(_("personal values"), default=dict)

    unit_paths = ("message__unit",)

    class Meta:
        verbose_name = _("audience row")
        verbose_name_plural = _("audience rows")
        constraints = [models.UniqueConstraint(fields=["message", "person"], name="audience_row_once")]

    def __str__(self) -> str:
        return f"{self.message} · {self.person}"


class IdempotencyKey(models.Model):
    """A request that its sender may repeat without its being done again. `status` is None while it is being done."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="idempotency_keys", db_index=False)
    key = ExactCharField(max_length=255)
    #: Of method, address and body: the same key with anything else is a mistake of the sender.
    fingerprint = ExactCharField(max_length=64)
    #: Names the request that is doing it now; a later one may take over.
    claim = ExactCharField(max_length=32)
    claimed_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.user_id} · {self.pk}"
