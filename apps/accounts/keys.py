"""Keys of school systems: made, looked up, revoked. A key itself is seen once, by whoever makes it."""

import copy
import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

from apps.accounts import rights, roles
from apps.accounts.models import ApiKey, User
from apps.accounts.rights import Right
from apps.audit import services as audit
from apps.core.db import single_write, transactional
from apps.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from apps.directory.models import OrgUnit

#: What a key can hold, in words. It hands out nothing and approves nothing: both take a person.
WORDS = {
    Right.SEE: _("see messages"),
    Right.WRITE: _("write messages"),
    Right.PUBLISH: _("publish messages"),
    Right.EMERGENCY: _("send emergency messages"),
    Right.SEE_ADDRESSES: _("see addresses"),
    Right.MANAGE_PEOPLE: _("manage people"),
    Right.MANAGE_CHANNELS: _("manage channels"),
    Right.EXPORT: _("export"),
    Right.READ_AUDIT: _("read the audit log"),
}
SCOPES = tuple(WORDS)
#: What has to do with messages only; all that a test key may, for everything else would be done in earnest.
OF_MESSAGES = (Right.SEE, Right.WRITE, Right.PUBLISH, Right.EMERGENCY)
USUAL_LIFE = timedelta(days=365)
LONGEST_LIFE = timedelta(days=3 * 366)
#: Noting every use would cost a write for each request.
NOTED_EVERY = timedelta(minutes=1)
ID_LENGTH, SECRET_LENGTH = 8, 43
SHAPE = re.compile(rf"mk_(?:live|test)_[a-zA-Z0-9]{{{ID_LENGTH + SECRET_LENGTH}}}")
PREFIX_LENGTH = len("mk_live_") + ID_LENGTH


@dataclass(frozen=True, kw_only=True)
class KeyDraft:
    """`expires_at` None: after the usual life of a key."""

    name: str
    kind: str
    scopes: Collection[str]
    unit: OrgUnit
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """`token` is the key itself, and nobody can be told it again."""

    row: ApiKey
    token: str = field(repr=False)


@transactional
def create(draft: KeyDraft, *, by: User) -> NewKey:
    """Raises as `check`."""
    check(draft, by=by)
    prefix = f"mk_{draft.kind}_{get_random_string(ID_LENGTH)}"
    token = prefix + get_random_string(SECRET_LENGTH)
    row = ApiKey.objects.create(
        name=draft.name,
        kind=draft.kind,
        prefix=prefix,
        digest=_digest(token),
        scopes=[str(scope) for scope in SCOPES if scope in draft.scopes],
        unit=draft.unit,
        created_by=by,
        expires_at=draft.expires_at or timezone.now() + USUAL_LIFE,
    )
    audit.record("create", row, by=by, scopes=row.scopes, expires_at=row.expires_at.isoformat())
    return NewKey(row, token)


@transactional
def revoke(row: ApiKey, *, by: User) -> ApiKey:
    """It opens nothing from now on. Raises `NotFound`, or `Conflict` where it is revoked already."""
    if not visible_to(by).filter(pk=row.pk).exists():
        raise NotFound()
    if not ApiKey.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=Now()):
        raise Conflict(_("This key is revoked already."))
    audit.record("revoke", row, by=by)
    row.refresh_from_db()
    return row


def check(draft: KeyDraft, *, by: User) -> None:
    """Raises `NotFound` for a foreign unit, `NotAllowed` for scopes that `by` does not hold there, `InvalidInput`."""
    roles.require_granting(draft.unit.pk, by=by)
    _check_scopes(set(draft.scopes), test=draft.kind == ApiKey.Kind.TEST)
    if draft.kind not in ApiKey.Kind.values:
        raise InvalidInput(_("A key is live or test."), field="kind")
    if not set(draft.scopes) <= rights.rights_in(by, draft.unit):
        raise NotAllowed(_("A key cannot hold more than you do there."), field="scopes")
    at = draft.expires_at
    if at and not timezone.now() < at <= timezone.now() + LONGEST_LIFE:
        raise InvalidInput(_("A key expires in the future, and within three years."), field="expires_at")


def _check_scopes(scopes: set[str], *, test: bool) -> None:
    if not scopes or not scopes <= set(SCOPES):
        raise InvalidInput(_("Choose at least one of: %s") % ", ".join(SCOPES), field="scopes")
    if test and not scopes <= set(OF_MESSAGES):
        raise InvalidInput(_("A test key can hold only: %s") % ", ".join(OF_MESSAGES), field="scopes")
    if Right.SEE not in scopes and scopes & set(OF_MESSAGES):
        raise InvalidInput(_("A key that writes or publishes messages has to see them, too."), field="scopes")


def visible_to(user: User) -> QuerySet[ApiKey]:
    """The keys of the units where the user hands out rights, and his own; to a key, none."""
    rows = ApiKey.objects.select_related("unit", "created_by__person")
    if user.api_key:
        return rows.none()
    granting = rights.visible_to(user, ApiKey.objects.all(), Right.GRANT)
    return rows.filter(Q(created_by=user) | Q(pk__in=granting.values("pk")))


def find(token: str) -> ApiKey | None:
    """The key, if it opens anything now."""
    if not SHAPE.fullmatch(token):
        return None
    row = ApiKey.objects.select_related("created_by__person", "unit").filter(prefix=token[:PREFIX_LENGTH]).first()
    if row is None or not hmac.compare_digest(row.digest, _digest(token)) or not row.is_valid:
        return None
    return row


def acting(row: ApiKey) -> User:
    """Who acts with the key: its owner, held back by it; `row.created_by` stays what he is without it."""
    user = copy.copy(row.created_by)
    user.api_key = row
    return user


def note_use(row: ApiKey) -> None:
    if row.last_used_at is None or row.last_used_at < timezone.now() - NOTED_EVERY:
        _note_use(row.pk)


@single_write
def _note_use(pk: int) -> None:
    long_ago = Q(last_used_at=None) | Q(last_used_at__lt=Now() - NOTED_EVERY)
    ApiKey.objects.filter(long_ago, pk=pk).update(last_used_at=Now())


def _digest(token: str) -> str:
    """A key is as long as a digest, so it takes no slow hash to keep it from being guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
