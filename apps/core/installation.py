"""Whose database this is. A copy of it, restored or started elsewhere, must not send what the original sends too."""

import threading
import time

from django.conf import settings
from django.utils.translation import gettext as _

from apps.core import alerts
from apps.core.models import Installation

#: Seconds for which a process goes by what it has read, and between two alerts of it.
CACHED = 5.0
ALERT_EVERY = 60.0
#: There is one row, and this is its number.
ROW = 1

_lock = threading.Lock()
_answer: tuple[bool, float] = (False, 0.0)
_alert_again = 0.0


def owner() -> str:
    """The environment id in the database; that of this installation is written where there is none yet."""
    found = Installation.objects.filter(pk=ROW).values_list("environment_id", flat=True).first()
    if found is None:
        row, _made = Installation.objects.get_or_create(pk=ROW, defaults={"environment_id": settings.ENVIRONMENT_ID})
        return row.environment_id
    return found


def claim() -> bool:
    """Called where a worker starts: make the database ours if it is nobody's, and say aloud if it is another's."""
    forget()
    if not is_ours():
        return False
    alerts.settle(alerts.Kind.ENVIRONMENT_MISMATCH, settings.ENVIRONMENT_ID)
    return True


def is_ours() -> bool:
    """Whether this process may send from this database; read anew every few seconds."""
    global _answer
    with _lock:
        ours, until = _answer
        if time.monotonic() < until:
            return ours
        theirs = owner()
        _answer = theirs == settings.ENVIRONMENT_ID, time.monotonic() + CACHED
    if theirs != settings.ENVIRONMENT_ID:
        _say(theirs)
    return theirs == settings.ENVIRONMENT_ID


def adopt() -> tuple[Installation, str]:
    """From now on the database is ours, for a restored backup that shall take over. Returns whose it was, too."""
    before = owner()
    row, _made = Installation.objects.update_or_create(pk=ROW, defaults={"environment_id": settings.ENVIRONMENT_ID})
    alerts.settle(alerts.Kind.ENVIRONMENT_MISMATCH, settings.ENVIRONMENT_ID)
    forget()
    return row, before


def forget() -> None:
    """Read the row anew at the next question."""
    global _answer
    _answer = False, 0.0


def _say(theirs: str) -> None:
    global _alert_again
    if time.monotonic() < _alert_again:
        return
    _alert_again = time.monotonic() + ALERT_EVERY
    names = {"theirs": theirs, "ours": settings.ENVIRONMENT_ID}
    detail = _("The database belongs to %(theirs)s, this is %(ours)s. To take it over: manage.py adopt") % names
    alerts.raise_alert(alerts.Kind.ENVIRONMENT_MISMATCH, settings.ENVIRONMENT_ID, detail)
