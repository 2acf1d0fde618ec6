"""Who did what to which object: append-only."""

from django.db import models
from django.utils.translation import gettext_lazy as _

#: What the verbs mean to a person who reads the log.
VERBS = {
    "adopt": _("take over the database"),
    "allow": _("allow again"),
    "begin": _("begin (publish time)"),
    "change": _("change"),
    "configure": _("configure"),
    "create": _("create"),
    "delete": _("delete"),
    "expire": _("expire"),
    "login": _("log in"),
    "login_failed": _("failed login"),
    "logout": _("log out"),
    "pause": _("pause"),
    "publish": _("publish"),
    "recall": _("recall"),
    "reopen": _("reopen"),
    "register_device": _("register a device"),
    "remove_device": _("remove a device"),
    "resend": _("send again"),
    "resume": _("resume"),
    "resume_all": _("resume all channels"),
    "settle": _("settle"),
    "stop_all": _("stop all channels"),
}


class EntryQuerySet(models.QuerySet):
    def delete(self) -> None:
        raise TypeError("the audit log is append-only")

    def update(self, **kwargs: object) -> None:
        raise TypeError("the audit log is append-only")


class Entry(models.Model):
    """One act of one person. Names are kept as they were, so the entry outlives the user and the object."""

    at = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)
    actor_id = models.BigIntegerField(_("user id"), null=True)
    actor_name = models.CharField(_("who"), max_length=150)
    verb = models.CharField(_("what"), max_length=50, db_index=True)
    object_type = models.CharField(_("object type"), max_length=50)
    object_id = models.CharField(_("object id"), max_length=50)
    object_name = models.CharField(_("object"), max_length=200)
    details = models.JSONField(_("details"), default=dict)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_object")]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.verb} {self.object_type} {self.object_id}"

    def save(self, *args: object, **kwargs: object) -> None:
        if not self._state.adding:
            raise TypeError("the audit log is append-only")
        # Or another entry of the same number would be written over this one.
        super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *args: object, **kwargs: object) -> None:
        raise TypeError("the audit log is append-only")
