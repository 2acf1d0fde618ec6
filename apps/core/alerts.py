"""Alerts: what a person has to look at, one row for each kind and subject.

Raising one never disturbs whoever raises it. The row is written when the transaction at hand has committed, so that it
locks nothing in there; what is raised in a transaction that is rolled back is in the log alone.

The model is looked up by name: the settings name the jobs, the jobs raise alerts, and models come after the settings.
"""

import logging
from collections.abc import Callable

from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.db import transactional

log = logging.getLogger(__name__)

MAX_SUBJECT, MAX_DETAIL = 100, 300


class Kind(models.TextChoices):
    DOORBELL_FAILED = "doorbell_failed", _("The queue cannot be reached; the sweep rings instead, later")
    MESSAGE_STUCK = "message_stuck", _("A message does not move")
    ACCOUNT_PAUSED = "account_paused", _("A provider account has been paused")
    ACCOUNT_UNUSABLE = "account_unusable", _("A provider account cannot be used")
    CODE_UNMAPPED = "code_unmapped", _("A provider answers with a code that nobody has mapped")
    RECEIPT_UNREADABLE = "receipt_unreadable", _("A provider's report cannot be read")
    ENVIRONMENT_MISMATCH = "environment_mismatch", _("This database belongs to another installation; nothing is sent")
    PUBLISH_REFUSED = "publish_refused", _("A scheduled message is a draft again: its publisher may not publish it now")
    THROTTLE_LOCAL = "throttle_local", _("Rates are kept by each process alone, as Redis is away")


KINDS: dict[str, str | Promise] = dict(Kind.choices)
#: Details that are codes -> words, so that they are read in the reader's language; apps add theirs.
DETAILS: dict[str, str | Promise] = {}


def raise_alert(kind: str, subject: str, detail: str = "") -> None:
    """Note that `kind` has happened to `subject` (once more); one that was settled is open again. Never raises."""
    log.warning("alert %s, %s: %s", kind, subject, detail)
    _quietly(lambda: _write(kind, subject[:MAX_SUBJECT], detail[:MAX_DETAIL]))


def settle(kind: str, subject: str) -> None:
    """The trouble is over, or somebody has seen to it. Never raises; where there is no such alert nothing happens."""
    _quietly(lambda: still_open().filter(kind=kind, subject=subject[:MAX_SUBJECT]).update(settled_at=Now()))


def still_open() -> models.QuerySet:
    return _all().filter(settled_at=None)


def words(detail: str) -> str:
    """A detail for a person to read; one that is no code stands for itself."""
    return str(DETAILS.get(detail, detail))


def _quietly(write: Callable[[], object]) -> None:
    def try_it() -> None:
        _tried(write)

    _tried(lambda: after_commit(try_it))


def _tried(act: Callable[[], object]) -> None:
    """Whatever goes wrong: to open the connection may fail as well as to write."""
    try:
        act()
    except Exception as error:
        log.warning("the alert could not be written: %s", error)


def after_commit(act: Callable[[], None]) -> None:
    transaction.on_commit(act)


def _all() -> models.QuerySet:
    return apps.get_model("core", "Alert").objects.all()


@transactional
def _write(kind: str, subject: str, detail: str) -> None:
    if _again(kind, subject, detail):
        return
    try:
        with transaction.atomic():
            _all().create(kind=kind, subject=subject, detail=detail, first_at=Now(), last_at=Now())
    except IntegrityError:
        _again(kind, subject, detail)


def _again(kind: str, subject: str, detail: str) -> int:
    known = _all().filter(kind=kind, subject=subject)
    return known.update(detail=detail, count=F("count") + 1, last_at=Now(), settled_at=None)
