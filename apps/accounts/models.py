"""Who may log in, and what they may do where."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.masking import hidden, masked
from apps.directory.models import OrgUnit, Person


class User(AbstractUser):
    """A login. Most belong to a person of the directory; an operator or a school system need not."""

    person = models.OneToOneField(
        Person, models.SET_NULL, null=True, blank=True, related_name="user", verbose_name=_("person")
    )

    audit_masks = {"password": hidden, "email": masked}

    class Meta(AbstractUser.Meta):
        verbose_name = _("user")
        verbose_name_plural = _("users")


class RoleAssignment(models.Model):
    """`user` holds `role` in `unit` and everything below it."""

    class Role(models.TextChoices):
        ADMINISTRATOR = "administrator", _("administrator")
        UNIT_MANAGER = "unit_manager", _("unit manager")
        AUTHOR = "author", _("author")
        APPROVER = "approver", _("approver")
        EMERGENCY_SENDER = "emergency_sender", _("emergency sender")
        OPERATOR = "operator", _("operator")
        AUDITOR = "auditor", _("auditor")
        RECIPIENT = "recipient", _("recipient")

    user = models.ForeignKey(User, models.CASCADE, related_name="roles", verbose_name=_("user"))
    unit = models.ForeignKey(OrgUnit, models.CASCADE, related_name="roles", verbose_name=_("org unit"))
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)

    unit_paths = ("unit",)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [models.UniqueConstraint(fields=["user", "unit", "role"], name="role_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.unit}"
