"""Who there is: the org tree, people, how to reach them, and who belongs to whom."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from tree_queries.models import TreeNode

from apps.core.fields import ExactCharField


class OrgUnit(TreeNode):
    """A node of the school's tree: school > department or college > programme > class."""

    class Kind(models.TextChoices):
        SCHOOL = "school", _("school")
        DEPARTMENT = "department", _("department")
        COLLEGE = "college", _("college")
        PROGRAMME = "programme", _("programme")
        CLASS = "class", _("class")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)

    class Meta:
        verbose_name = _("org unit")
        verbose_name_plural = _("org units")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["parent", "name"], name="unit_name_once_per_parent")]

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    """Somebody the school may write to. Students and staff carry their number; a guardian has none."""

    class Kind(models.TextChoices):
        STUDENT = "student", _("student")
        STAFF = "staff", _("staff")
        GUARDIAN = "guardian", _("guardian")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    number = ExactCharField(_("student or staff number"), max_length=40, null=True, blank=True, unique=True)
    units = models.ManyToManyField(OrgUnit, through="Membership", related_name="people", verbose_name=_("org units"))

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return f"{self.name} ({self.number})" if self.number else self.name


class Membership(models.Model):
    """A person belongs to a unit: a student to a class, staff to any number of departments."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="memberships", verbose_name=_("person"))
    unit = models.ForeignKey(OrgUnit, models.PROTECT, related_name="memberships", verbose_name=_("org unit"))

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

    person = models.ForeignKey(
        Person, models.CASCADE, related_name="contact_points", verbose_name=_("person"), db_index=False
    )
    kind = ExactCharField(_("kind"), max_length=20, choices=Kind.choices)
    value = ExactCharField(_("value"), max_length=512)
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("contact point")
        verbose_name_plural = _("contact points")
        constraints = [models.UniqueConstraint(fields=["person", "kind", "value"], name="contact_point_once")]
        indexes = [models.Index(fields=["kind", "value"], name="contact_point_value")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.person}"


class Relation(models.Model):
    """`person` is the guardian or class adviser of `of`."""

    class Kind(models.TextChoices):
        GUARDIAN = "guardian", _("guardian of")
        ADVISER = "adviser", _("class adviser of")

    person = models.ForeignKey(Person, models.CASCADE, related_name="relations", verbose_name=_("person"))
    kind = ExactCharField(_("kind"), max_length=20, choices=Kind.choices)
    of = models.ForeignKey(Person, models.CASCADE, related_name="related", verbose_name=_("of"))

    class Meta:
        verbose_name = _("relation")
        verbose_name_plural = _("relations")
        constraints = [models.UniqueConstraint(fields=["person", "kind", "of"], name="relation_once")]

    def __str__(self) -> str:
        return f"{self.person} {self.get_kind_display()} {self.of}"
