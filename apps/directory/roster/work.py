"""What becomes of an upload: `read` compares it and keeps the diff, `write` applies the diff.

An import is read as often as its columns are corrected, and is applied once. What a worker has in hand it holds until
`due_at`; its `lease` tells its writes from those of one that was given up. Nothing but `write` touches the directory.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import jobs
from apps.core.db import transactional
from apps.core.errors import NotAllowed, UnreadableFile
from apps.directory.models import RosterChange, RosterImport
from apps.directory.roster import applying, columns, holding, reading, units
from apps.directory.roster.askers import as_he_came, check_right, check_there, named, untouchable
from apps.directory.roster.planning import Plan
from apps.directory.roster.services import forget_changes, forget_file, ring_again

log = logging.getLogger(__name__)

State = RosterImport.State
#: How long a worker may say nothing: it does so after every run of rows; a whole import is written in one go.
READING_FOR, APPLYING_FOR = timedelta(minutes=2), timedelta(minutes=15)
#: A file that has taken two workers down with it takes no third.
MAX_TRIES = 2
Progress = Callable[[int, int], None]


class Superseded(Exception):
    """Another worker has this import in hand, or somebody has discarded it."""


def read(roster_id: int, *, progress: Progress | None = None) -> None:
    """Compare the file with the directory and keep the diff. Rung twice, the second does nothing."""
    roster = _claim(roster_id, State.READING, READING_FOR)
    if roster is None:
        return
    try:
        with translation.override(roster.language):
            _begin(roster)
            _compare(roster, progress or _silent)
    except Superseded:
        log.info("roster import %s is in other hands", roster_id)
    except (UnreadableFile, NotAllowed) as error:
        _fail(roster, str(error.detail))
    except MemoryError:
        _fail(roster, _("The file takes more memory than a worker may have. Upload it in parts."))


def write(roster_id: int, *, progress: Progress | None = None) -> None:
    """Apply the diff in one transaction; if the directory has changed since, compare anew instead."""
    roster = _claim(roster_id, State.APPLYING, APPLYING_FOR)
    if roster is None:
        return
    with translation.override(roster.language):
        try:
            _write(roster, progress or _silent)
        except Superseded:
            log.info("roster import %s is in other hands", roster_id)
        except (applying.Outdated, IntegrityError) as error:
            log.warning("roster import %s is outdated: %s", roster_id, type(error).__name__)
            _compare_again(roster)
        except NotAllowed as error:
            _give_back(roster, str(error.detail))


@transactional
def _begin(roster: RosterImport) -> None:
    """What an earlier reading has left goes, unless this one has been given up meanwhile."""
    if not _mine(roster).update(due_at=Now() + READING_FOR):
        raise Superseded
    forget_changes(roster.pk)


def _compare(roster: RosterImport, progress: Progress) -> None:
    check_there(roster.created_by, roster.created_by_operator)
    if roster.created_by:
        roster.created_by.api_key = roster.created_key
    plan = Plan(units.load(roster.unit_id), roster.create_units, untouchable(roster.created_by))
    with reading.opened(_content(roster), roster.mapping) as sheets:
        roster.columns = columns.described(reading.header(sheets))
        RosterImport.objects.filter(pk=roster.pk).update(columns=roster.columns)
        for changes in plan.changes(sheets, complete=roster.complete):
            _keep(roster, changes, done=plan.counts["rows"])
            progress(plan.counts["rows"], roster.total)
    _end(roster, state=State.READY, counts=dict(plan.counts), done=plan.counts["rows"], total=plan.counts["rows"])


@transactional
def _keep(roster: RosterImport, changes: list[RosterChange], *, done: int) -> None:
    if not _mine(roster).update(done=done, due_at=Now() + READING_FOR):
        raise Superseded
    for change in changes:
        change.pk, change.roster_id = None, roster.pk
    RosterChange.objects.bulk_create(changes, batch_size=500)


@transactional
def _write(roster: RosterImport, progress: Progress) -> None:
    holding.one_import()
    if _mine(roster).select_for_update().first() is None:
        raise Superseded
    # What was allowed when he pressed the button may not be any more.
    check_there(roster.applied_by, roster.applied_by_operator)
    by = as_he_came(roster.applied_by, roster.applied_key)
    check_right(by, roster.unit)
    total, done = roster.changes.filter(act__isnull=False).count(), 0

    def count(some: int) -> None:
        nonlocal done
        done += some
        progress(done, total)

    writer = applying.Writer(units.load(roster.unit_id), untouchable(by))
    writer.write(roster.changes.all(), progress=count)
    roster.changes.update(act=None)
    forget_file(roster.pk)
    _mine(roster).update(state=State.APPLIED, ended_at=Now(), due_at=None, lease="", error="")
    counts = {name: count for name, count in roster.counts.items() if count}
    details = {"sha256": roster.sha256, "counts": counts, **named(roster.applied_by_operator)}
    audit.record("import", roster, by=by, **details)


def _compare_again(roster: RosterImport) -> None:
    again = _("The directory has changed since this was compared. Look at what it would do now.")
    if _mine(roster).update(
        state=State.READING, due_at=ring_again(), tries=0, lease="", done=0, counts={}, error=again
    ):
        jobs.enqueue(jobs.READ_ROSTER, roster.pk, lane=jobs.EXPORTS_LANE)


def _give_back(roster: RosterImport, error: str) -> None:
    _mine(roster).update(state=State.READY, due_at=None, lease="", error=error)


def take_back(roster_id: int) -> None:
    """Somebody who applies it in his own process has broken off. A worker may have it by then: it is the second."""
    RosterImport.objects.filter(pk=roster_id, state=State.APPLYING, tries__lte=1).update(
        state=State.READY, due_at=None, lease=""
    )


def overdue(limit: int) -> list[tuple[int, str]]:
    """(id, job) of imports whose doorbell was lost, or whose worker. What took several workers down has failed."""
    jobs_of = {State.READING: jobs.READ_ROSTER, State.APPLYING: jobs.APPLY_ROSTER}
    found = []
    due = RosterImport.objects.filter(state__in=jobs_of, due_at__lte=Now())
    for roster in due.order_by("due_at")[:limit]:
        if roster.tries >= MAX_TRIES:
            with translation.override(roster.language):
                _fail(roster, _("The worker broke off several times, for want of memory perhaps. Upload it in parts."))
        elif _mine(roster).update(lease="", due_at=ring_again()):
            found.append((roster.pk, jobs_of[State(roster.state)]))
    return found


def _claim(roster_id: int, state: str, span: timedelta) -> RosterImport | None:
    """Take it in hand, if nobody has it."""
    lease = secrets.token_hex(8)
    if not RosterImport.objects.filter(pk=roster_id, state=state, lease="").update(
        due_at=Now() + span, tries=F("tries") + 1, lease=lease
    ):
        return None
    rows = RosterImport.objects.select_related(
        "unit", "created_by", "created_key__created_by", "applied_by", "applied_key__created_by"
    )
    roster = rows.filter(pk=roster_id, lease=lease).first()
    if roster and roster.unit is None:
        _fail(roster, _("The unit of this import is gone."))
        return None
    return roster


def _mine(roster: RosterImport) -> QuerySet[RosterImport]:
    return RosterImport.objects.filter(pk=roster.pk, state=roster.state, lease=roster.lease)


def _end(roster: RosterImport, **fields: Any) -> None:
    if not _mine(roster).update(due_at=None, lease="", **fields):
        raise Superseded


@transactional
def _fail(roster: RosterImport, error: str) -> None:
    if _mine(roster).update(state=State.FAILED, error=error[:1000], due_at=None, lease=""):
        forget_changes(roster.pk)


def _content(roster: RosterImport) -> bytes:
    return b"".join(roster.parts.order_by("number").values_list("content", flat=True))


def _silent(_done: int, _total: int) -> None:
    return
