"""What belongs to the installation itself."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import ExactCharField


class Installation(models.Model):
    """The one row that says which installation this database belongs to: a copy started elsewhere must not send."""

    environment_id = ExactCharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.environment_id


class Alert(models.Model):
    """Something a person has to look at. One row for each kind and subject, however often it is raised."""

    kind = ExactCharField(_("alert"), max_length=40)
    subject = ExactCharField(_("about"), max_length=100)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    count = models.PositiveIntegerField(_("times"), default=1)
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="alert_once")]

    def __str__(self) -> str:
        return f"{self.kind} · {self.subject}"
