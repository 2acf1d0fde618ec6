"""Who did what to which object, and from where: append-only, each entry chained to the one before it."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.audit.origin import Door
from apps.core.fields import ExactCharField

#: The signature before that of the first entry.
FIRST = "0" * 64

#: What the verbs mean to a person who reads the log.
VERBS = {
    "accept_invitation": _("accept an invitation"),
    "add_second_factor": _("set up a second factor"),
    "adopt": _("take over the database"),
    "allow": _("allow again"),
    "apply": _("have an import applied"),
    "begin": _("begin (publish time)"),
    "change": _("change"),
    "change_password": _("change the password"),
    "code_failed": _("wrong code"),
    "configure": _("configure"),
    "correct": _("correct an import"),
    "create": _("create"),
    "delete": _("delete"),
    "discard": _("discard"),
    "end_sessions": _("log out everywhere"),
    "expire": _("expire"),
    "grant": _("grant"),
    "import": _("import a roster"),
    "invite": _("invite"),
    "login": _("log in"),
    "login_failed": _("failed login"),
    "logout": _("log out"),
    "new_recovery_codes": _("new recovery codes"),
    "pause": _("pause"),
    "publish": _("publish"),
    "recall": _("recall"),
    "reopen": _("reopen"),
    "register": _("register"),
    "register_device": _("register a device"),
    "remove_device": _("remove a device"),
    "remove_second_factor": _("remove the second factor"),
    "resend": _("send again"),
    "reset_password": _("reset the password"),
    "resume": _("resume"),
    "resume_all": _("resume all channels"),
    "return": _("return to draft"),
    "revoke": _("revoke"),
    "settle": _("settle"),
    "stop_all": _("stop all channels"),
    "upload": _("upload"),
    "withdraw": _("withdraw"),
}


class EntryQuerySet(models.QuerySet):
    def delete(self) -> None:
        raise TypeError("the audit log is append-only")

    def update(self, **kwargs: object) -> None:
        raise TypeError("the audit log is append-only")


class Head(models.Model):
    """The place and signature of the newest entry; whoever writes the next one locks this one row."""

    sequence = models.BigIntegerField(default=0)
    signature = ExactCharField(max_length=64, default=FIRST)

    def __str__(self) -> str:
        return f"{self.sequence}:{self.signature}"


class Entry(models.Model):
    """One act of one person. Names are kept as they were, so the entry outlives the user and the object.

    `details` may hold `changes`: field -> [before, after], addresses and secrets masked. `sequence` has no gaps;
    `signature` is over all of the entry and `previous`, the signature of the entry before (`chain.py`).
    """

    sequence = models.BigIntegerField(_("number"), unique=True)
    at = models.DateTimeField(_("time"), db_index=True)
    actor_id = models.BigIntegerField(_("user id"), null=True)
    actor_name = models.CharField(_("who"), max_length=150)
    door = models.CharField(_("by way of"), max_length=10, choices=Door.choices)
    address = models.GenericIPAddressField(_("network address"), null=True)
    verb = models.CharField(_("what"), max_length=50, db_index=True)
    object_type = models.CharField(_("object type"), max_length=50)
    object_id = models.CharField(_("object id"), max_length=50)
    object_name = models.CharField(_("object"), max_length=200)
    unit_id = models.BigIntegerField(_("id of the object's org unit"), null=True, db_index=True)
    details = models.JSONField(_("details"), default=dict, encoder=DjangoJSONEncoder)
    previous = ExactCharField(max_length=64)
    signature = ExactCharField(_("signature"), max_length=64)

    objects = EntryQuerySet.as_manager()
    unit_paths = ("unit_id",)

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
