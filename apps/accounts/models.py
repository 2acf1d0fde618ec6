"""Who may log in, and what they may do where."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from apps.core import permissions
from apps.core.fields import ExactCharField
from apps.core.masking import hidden, masked
from apps.directory.models import ContactPoint, OrgUnit, Person


class User(AbstractUser):
    """A login. Most belong to a person of the directory; an operator need not.

    `api_key` is set where a school system acts with a key instead of the user himself: it narrows what he may do.
    """

    api_key: "ApiKey | None" = None
    #: What he holds at all, as asked before; for the user of one request only (`core/permissions.py`).
    remembered: dict[object, bool] | None = None

    person = models.OneToOneField(
        Person, models.SET_NULL, null=True, blank=True, related_name="user", verbose_name=_("person")
    )

    unit_paths = ("person__memberships__unit", "roles__unit")
    #: Whose role is here but who belongs elsewhere is looked after there.
    unit_limits: ClassVar = {("manage_people", "roles__unit"): models.Q(person=None)}
    audit_masks = {"password": hidden, "email": masked}

    class Meta(AbstractUser.Meta):
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def has_perm(self, permission: str, obj: models.Model | None = None) -> bool:
        """By roles alone."""
        return permissions.granted(self, permission, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return permissions.module_granted(self, app_label)

    @property
    def may_log_in(self) -> bool:
        """Whether anything opens for him. For whoever has left nothing does, until a roster brings him back."""
        return self.is_active and not (self.person is not None and self.person.state == Person.State.LEFT)

    @property
    def uses_test_key(self) -> bool:
        return self.api_key is not None and self.api_key.kind == ApiKey.Kind.TEST

    def save(self, *args: object, **kwargs: object) -> None:
        changed = self._password is not None and not self._state.adding
        super().save(*args, **kwargs)
        if changed:
            self.end_proofs()

    def end_proofs(self) -> None:
        """With a new password, whoever sets it, the tokens of the API die, and the codes that were to replace the old
        one; the sessions do by Django's own doing."""
        self.auth_token_set.all().delete()
        if self.person_id is not None:
            codes = Challenge.objects.filter(person=self.person_id, purpose=Challenge.Purpose.RESET, used_at=None)
            codes.update(used_at=timezone.now())


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
    audited_apart = True

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [models.UniqueConstraint(fields=["user", "unit", "role"], name="role_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.unit}"


class ApiKey(models.Model):
    """A school system's key to the API. It acts for `created_by` in `unit`, as far as `scopes` (rights) go.

    Of the key itself only a digest is kept; `prefix` are its first characters, by which people know it.
    """

    class Kind(models.TextChoices):
        LIVE = "live", _("live")
        TEST = "test", _("test")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=4, choices=Kind.choices)
    prefix = ExactCharField(_("key"), max_length=16, unique=True)
    digest = ExactCharField(max_length=64)
    scopes = models.JSONField(_("scopes"), default=list)
    unit = models.ForeignKey(OrgUnit, models.CASCADE, related_name="api_keys", verbose_name=_("owner unit"))
    created_by = models.ForeignKey(User, models.CASCADE, related_name="api_keys", verbose_name=_("created by"))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expiry"))
    last_used_at = models.DateTimeField(_("last used"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    unit_paths = ("unit",)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.prefix}… · {self.name}"

    @property
    def is_valid(self) -> bool:
        """Whether it opens anything at all now."""
        return self.revoked_at is None and self.expires_at > timezone.now() and self.created_by.may_log_in


class Tries(models.Model):
    """How often something was tried in the window that ends at `until`. Only `limits.py` writes it.

    The primary key is the only index: with another one to choose from, updates that come together deadlock on MariaDB.
    """

    key = ExactCharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=1)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


class Letter(models.Model):
    """A code or a link on its way to a contact point. `secret` is what it brings: encrypted, and gone once it has left.

    One without a contact point goes nowhere; it is written so that nobody can tell by the time it takes.
    """

    class Kind(models.TextChoices):
        REGISTER = "register"
        RESET = "reset"
        RESET_LINK = "reset_link"
        INVITATION = "invitation"

    class State(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    contact_point = models.ForeignKey(ContactPoint, models.CASCADE, null=True, related_name="+")
    secret = EncryptedTextField(null=True)
    language = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempt = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="letter_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Challenge(models.Model):
    """Somebody says that he is `person` and proves it by the code that went to `contact_point`.

    Both are empty where nobody was found: whoever asks must not be able to tell. The browser holds `handle`.
    """

    class Purpose(models.TextChoices):
        REGISTER = "register"
        RESET = "reset"

    handle = ExactCharField(max_length=43, unique=True)
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="+")
    contact_point = models.ForeignKey(ContactPoint, models.CASCADE, null=True, related_name="+")
    digest = ExactCharField(max_length=64)
    tries = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"


class Invitation(models.Model):
    """Whoever opens the link that was sent to the contact point may make himself a login as this person, once.

    It grants no right and no role.
    """

    person = models.ForeignKey(Person, models.CASCADE, related_name="invitations", verbose_name=_("person"))
    contact_point = models.ForeignKey(
        ContactPoint, models.CASCADE, related_name="invitations", verbose_name=_("contact point")
    )
    digest = ExactCharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="invitations", verbose_name=_("invited by"), editable=False
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"), editable=False)
    accepted_at = models.DateTimeField(_("accepted at"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, editable=False)

    unit_paths = tuple(f"person__{path}" for path in Person.unit_paths)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return str(self.person)
