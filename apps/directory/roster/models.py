"""Imports of rosters: what was uploaded, what it would do, and what became of it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.fields import ExactCharField

#: A roster from which more of one kind of those it speaks of are missing asks before it lets them go.
MOST_LEAVE_PERCENT = 5
#: In `counts`: of one kind of people, how many the roster speaks of, and how many of them would leave the unit.
COVERED, LEAVE = "covered_%s", "leave_%s"
SHEETS_SKIPPED = "sheets_skipped"
KINDS = ("student", "staff")


class RosterImport(models.Model):
    """A roster that somebody has uploaded: first read and compared (`changes`), applied only when he says so.

    It speaks of `unit` with everything below it. `complete`: whoever of that unit is not in the file has left.
    `due_at` is when a worker that has it in hand has gone for good (None: nobody has to look at it); `lease` is that
    worker's, and `tries` counts them. Texts are in the language of who uploaded it. Of what the operator of the server
    does there is his name on the system (`…_by_operator`) and no user; where there is neither, the user is gone.
    """

    class State(models.TextChoices):
        READING = "reading", _("being read")
        READY = "ready", _("to be confirmed")
        APPLYING = "applying", _("being applied")
        APPLIED = "applied", _("written into the directory")
        DISCARDED = "discarded", _("discarded")
        FAILED = "failed", _("cannot be read")

    unit = models.ForeignKey(
        "directory.OrgUnit", models.SET_NULL, null=True, related_name="roster_imports", verbose_name=_("org unit")
    )
    file_name = models.CharField(_("file"), max_length=255)
    size = models.PositiveIntegerField(_("bytes"))
    sha256 = ExactCharField("SHA-256", max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.READING)
    error = models.CharField(_("error"), max_length=1000, blank=True)
    complete = models.BooleanField(
        _("the file is complete"), default=True, help_text=_("Whoever of the unit is not in it has left.")
    )
    create_units = models.BooleanField(
        _("make units that are not there"), default=False, help_text=_("Colleges, programmes and classes.")
    )
    mapping = models.JSONField(_("columns as corrected"), default=dict, blank=True)
    columns = models.JSONField(_("columns"), default=list)
    counts = models.JSONField(_("counts"), default=dict)
    total = models.PositiveIntegerField(_("rows"), default=0)
    done = models.PositiveIntegerField(_("rows read"), default=0)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    due_at = models.DateTimeField(_("due at"), null=True, db_index=True)
    lease = ExactCharField(max_length=32, blank=True)
    language = models.CharField(_("language"), max_length=10)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("uploaded by")
    )
    created_by_operator = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(_("uploaded at"), auto_now_add=True)
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("applied by")
    )
    applied_by_operator = models.CharField(max_length=150, blank=True)
    ended_at = models.DateTimeField(_("applied or discarded at"), null=True)
    #: The keys by which the two came: asked again by the worker.
    created_key = models.ForeignKey("accounts.ApiKey", models.SET_NULL, null=True, related_name="+", editable=False)
    applied_key = models.ForeignKey("accounts.ApiKey", models.SET_NULL, null=True, related_name="+", editable=False)

    unit_paths = ("unit",)

    class Meta:
        verbose_name = _("roster import")
        verbose_name_plural = _("roster imports")

    def __str__(self) -> str:
        return self.file_name

    @property
    def leave(self) -> int:
        """How many would leave the unit, those too who stay in another."""
        return sum(self._count(LEAVE, kind) for kind in KINDS)

    @property
    def asks(self) -> bool:
        """Whether more leave than a roster takes away without being asked: of one kind of people, or anybody at all
        while there is a sheet that was not read."""
        many = any(self._count(LEAVE, kind) * 100 > self._count(COVERED, kind) * MOST_LEAVE_PERCENT for kind in KINDS)
        return many or bool(self.leave and self.counts.get(SHEETS_SKIPPED))

    @property
    def question(self) -> str:
        """What `asks` asks, in words."""
        words = gettext("%(leave)d of %(covered)d people would leave.")
        many = words % {"leave": self.leave, "covered": self.counts.get("covered", 0)}
        skipped = self.counts.get(SHEETS_SKIPPED)
        unread = gettext("Sheets that were not read: %d.")
        return f"{many} {unread % skipped}" if skipped else many

    def _count(self, name: str, kind: str) -> int:
        return self.counts.get(name % kind, 0)


class RosterPart(models.Model):
    """A part of the uploaded file, in the database because the worker may run on another machine."""

    roster = models.ForeignKey(RosterImport, models.CASCADE, related_name="parts")
    number = models.PositiveSmallIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["roster", "number"], name="roster_part_once")]

    def __str__(self) -> str:
        return f"{self.roster_id}:{self.number}"


class RosterChange(models.Model):
    """One line of the diff: what a roster does to somebody, or why a row or a value of it is not used.

    `values`: field -> before and after, addresses masked. `act` is the same as `roster/applying.py` reads it; it holds
    addresses and is forgotten when the import has ended. `fingerprint` is the person as he was compared.
    """

    class Kind(models.TextChoices):
        NEW = "new", _("new person")
        CHANGED = "changed", _("details changed")
        MOVED = "moved", _("moved")
        RETURNED = "returned", _("back again")
        LEFT = "left", _("left")
        UNIT = "unit", _("new unit")
        ADVISER = "adviser", _("class adviser")
        UNREADABLE = "unreadable", _("row not used")
        IGNORED = "ignored", _("value not used")

    roster = models.ForeignKey(RosterImport, models.CASCADE, related_name="changes", db_index=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    sheet = models.CharField(_("sheet"), max_length=100, blank=True)
    line = models.PositiveIntegerField(_("line"), null=True)
    column = models.CharField(_("column"), max_length=100, blank=True)
    person = models.ForeignKey(
        "directory.Person",
        models.DO_NOTHING,
        null=True,
        related_name="+",
        verbose_name=_("person"),
        db_constraint=False,
        db_index=False,
    )
    number = ExactCharField(_("student or staff number"), max_length=60, blank=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    values = models.JSONField(_("what changes"), default=dict)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    act = models.JSONField(null=True)
    fingerprint = ExactCharField(max_length=16, blank=True)

    unit_paths = ("roster__unit",)

    class Meta:
        verbose_name = _("roster change")
        verbose_name_plural = _("roster changes")
        indexes = [models.Index(fields=["roster", "kind"], name="roster_change_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.name}"
