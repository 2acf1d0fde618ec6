"""Who there is: the org tree, people, how to reach them, and who belongs to whom.

`unit_paths` of a model are the lookups that lead to the org units a row belongs to (`accounts/rights.py`); rows of one
that is `audited_apart` have their own line in the audit log also where they are deleted with another one.
"""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from tree_queries.models import TreeNode

from apps.core.fields import ExactCharField
from apps.core.masking import masked

# Django looks for an app's models here.
from apps.directory.roster.models import RosterChange, RosterImport, RosterPart  # noqa: F401


class OrgUnit(TreeNode):
    """A node of the school's tree, of any depth: school > department or college > programme > class; beside them
    administrative units and dormitories."""

    class Kind(models.TextChoices):
        SCHOOL = "school", _("school")
        DEPARTMENT = "department", _("department")
        COLLEGE = "college", _("college")
        PROGRAMME = "programme", _("programme")
        CLASS = "class", _("class")
        ADMINISTRATIVE = "administrative", _("administrative unit")
        DORMITORY = "dormitory", _("dormitory")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    code = ExactCharField(
        _("code"),
        max_length=40,
        null=True,
        blank=True,
        unique=True,
        help_text=_("As other systems of the school know it."),
    )

    unit_paths = ("pk",)

    class Meta:
        verbose_name = _("org unit")
        verbose_name_plural = _("org units")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["parent", "name"], name="unit_name_once_per_parent")]

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    """Somebody the school may write to. Students and staff carry their number; a guardian has none.

    `cohort` is the year somebody came in (2024级). Who has left is in no audience, nor are guardians on his account.
    """

    class Kind(models.TextChoices):
        STUDENT = "student", _("student")
        STAFF = "staff", _("staff")
        GUARDIAN = "guardian", _("guardian")

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        INTERNSHIP = "internship", _("on internship")
        SUSPENDED = "suspended", _("suspended")
        LEFT = "left", _("left")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=20, choices=State.choices, default=State.ACTIVE)
    cohort = models.PositiveSmallIntegerField(_("cohort (year)"), null=True, blank=True)
    born_on = models.DateField(_("born on"), null=True, blank=True)
    number = ExactCharField(_("student or staff number"), max_length=40, null=True, blank=True, unique=True)
    unit_paths = ("memberships__unit", "relations__of__memberships__unit")

    units = models.ManyToManyField(OrgUnit, through="Membership", related_name="people", verbose_name=_("org units"))

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return f"{self.name} ({self.number})" if self.number else self.name


class Membership(models.Model):
    """A person belongs to a unit: a student to a class and a dormitory, staff to any number of departments."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="memberships", verbose_name=_("person"))
    unit = models.ForeignKey(OrgUnit, models.PROTECT, related_name="memberships", verbose_name=_("org unit"))

    unit_paths = ("unit",)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["unit", "person"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.person} · {self.unit}"


class ContactPoint(models.Model):
    """An address of a person, normalised (`contacts.normalise`). Of several of a kind the oldest is written to;
    a message to the campus app goes to every device."""

    class Kind(models.TextChoices):
        EMAIL = "email", _("e-mail address")
        MOBILE = "mobile", _("mobile number")
        DEVICE = "device", _("device")

    class Source(models.TextChoices):
        ROSTER = "roster", _("roster")
        STAFF = "staff", _("entered by staff")
        OWNER = "owner", _("entered by the person")

    person = models.ForeignKey(
        Person, models.CASCADE, related_name="contact_points", verbose_name=_("person"), db_index=False
    )
    kind = ExactCharField(_("kind"), max_length=20, choices=Kind.choices)
    value = ExactCharField(_("value"), max_length=512)
    source = models.CharField(_("source"), max_length=10, choices=Source.choices, default=Source.STAFF)
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    unit_paths = tuple(f"person__{path}" for path in Person.unit_paths)
    audit_masks = {"value": masked}
    audited_apart = True

    class Meta:
        verbose_name = _("contact point")
        verbose_name_plural = _("contact points")
        constraints = [models.UniqueConstraint(fields=["person", "kind", "value"], name="contact_point_once")]
        indexes = [models.Index(fields=["kind", "value"], name="contact_point_value")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.person}"


class Relation(models.Model):
    """`person` is a guardian of `of`. With `no_contact` he gets nothing on the account of this child."""

    class Kind(models.TextChoices):
        GUARDIAN = "guardian", _("guardian of")

    person = models.ForeignKey(Person, models.CASCADE, related_name="relations", verbose_name=_("person"))
    kind = ExactCharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.GUARDIAN)
    of = models.ForeignKey(Person, models.CASCADE, related_name="related", verbose_name=_("of"))
    no_contact = models.BooleanField(
        _("no contact"),
        default=False,
        help_text=_("For example after a court order: nothing is sent about this child."),
    )

    unit_paths = ("of__memberships__unit",)
    audited_apart = True

    class Meta:
        verbose_name = _("relation")
        verbose_name_plural = _("relations")
        constraints = [models.UniqueConstraint(fields=["person", "kind", "of"], name="relation_once")]

    def __str__(self) -> str:
        return f"{self.person} {self.get_kind_display()} {self.of}"


class Adviser(models.Model):
    """Somebody is class adviser of a unit. That makes him no member: what goes to the class does not go to him."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="advises", verbose_name=_("person"))
    unit = models.ForeignKey(OrgUnit, models.CASCADE, related_name="advisers", verbose_name=_("org unit"))

    unit_paths = ("unit",)

    class Meta:
        verbose_name = _("class adviser")
        verbose_name_plural = _("class advisers")
        constraints = [models.UniqueConstraint(fields=["unit", "person"], name="adviser_once")]

    def __str__(self) -> str:
        return f"{self.person} · {self.unit}"


class Rule(models.Model):
    """One line of an audience: include or exclude a unit with its subtree, or a person.

    `kind`, `state`, `cohort` and `minors` narrow whom the rule names; with guardians, they narrow whose guardians.
    """

    class Effect(models.TextChoices):
        INCLUDE = "include", _("include")
        EXCLUDE = "exclude", _("exclude")

    class Reach(models.TextChoices):
        SELF = "self", _("the people themselves")
        GUARDIANS = "guardians", _("their guardians")
        BOTH = "both", _("the people and their guardians")

    effect = models.CharField(_("effect"), max_length=10, choices=Effect.choices, default=Effect.INCLUDE)
    reach = models.CharField(_("reach"), max_length=10, choices=Reach.choices, default=Reach.SELF)
    unit = models.ForeignKey(OrgUnit, models.PROTECT, null=True, blank=True, verbose_name=_("org unit"))
    kind = models.CharField(
        _("kind of person"), max_length=20, choices=Person.Kind.choices, blank=True, help_text=_("Empty: everybody.")
    )
    state = models.CharField(
        _("state"),
        max_length=20,
        choices=Person.State.choices,
        blank=True,
        help_text=_("Empty: all who have not left."),
    )
    cohort = models.PositiveSmallIntegerField(_("cohort (year)"), null=True, blank=True)
    minors = models.BooleanField(_("only minors"), default=False, help_text=_("Under 18 today, by the date of birth."))
    person = models.ForeignKey(Person, models.CASCADE, null=True, blank=True, verbose_name=_("person"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return " · ".join([str(self.get_effect_display()), str(self.named), *self.narrowed])

    @property
    def named(self) -> object:
        """What the rule is about."""
        return self.unit or self.person

    @property
    def narrowed(self) -> list[str]:
        """What it asks of those it names, and how far it reaches, in words."""
        asked = [self.get_kind_display(), self.get_state_display()]
        asked += [gettext("cohort of %d") % self.cohort] if self.cohort else []
        asked += [gettext("only minors")] if self.minors else []
        asked += [self.get_reach_display()] if self.reach != self.Reach.SELF else []
        return [str(words) for words in asked if words]


class Segment(models.Model):
    """An audience saved under a name; whoever uses it means the people it stands for on that day."""

    name = models.CharField(_("name"), max_length=100)
    unit = models.ForeignKey(OrgUnit, models.CASCADE, related_name="segments", verbose_name=_("owner unit"))

    unit_paths = ("unit",)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["unit", "name"], name="segment_name_once")]

    def __str__(self) -> str:
        return self.name


class SegmentRule(Rule):
    segment = models.ForeignKey(Segment, models.CASCADE, related_name="rules", verbose_name=_("segment"))

    unit_paths = ("segment__unit",)

    class Meta:
        verbose_name = _("rule of a segment")
        verbose_name_plural = _("rules of segments")
        ordering = ["pk"]
