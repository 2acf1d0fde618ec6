"""The verbs on a roster import: `upload`, `correct`, `apply`, `discard`. What they ask for is done in `work.py`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import jobs
from apps.core.db import chunks, transactional
from apps.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from apps.core.permissions import visible_to as permitted
from apps.directory.models import OrgUnit, RosterChange, RosterImport, RosterPart
from apps.directory.roster import columns, reading
from apps.directory.roster.askers import RIGHT, check_right, key_of, named, operator

State = RosterImport.State
PART = 1024 * 1024
#: What nobody confirms is thrown away, and what was done is told in full for so long.
KEPT_UNCONFIRMED, KEPT_CHANGES = timedelta(days=7), timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Options:
    """`complete`: who is missing has left. `mapping`: title of a column -> field, where its name says another."""

    complete: bool = True
    create_units: bool = False
    mapping: Mapping[str, str] | None = None


class ManyLeave(Conflict):
    """So many would leave that somebody has to say that this is meant."""

    code = "many_leave"


# --- selectors --------------------------------------------------------------------------------------------------------
def visible_to(user: AbstractBaseUser) -> QuerySet[RosterImport]:
    return permitted(user, RosterImport.objects.all(), RIGHT)


def get(user: AbstractBaseUser, roster_id: int) -> RosterImport:
    """Raises `NotFound`."""
    roster = visible_to(user).filter(pk=roster_id).first()
    if roster is None:
        raise NotFound()
    return roster


def units_of(user: AbstractBaseUser | None) -> QuerySet[OrgUnit]:
    """Those whose people the user may manage (None: the operator of the server)."""
    rows = OrgUnit.objects.without_tree_fields()
    return rows if user is None else permitted(user, rows, RIGHT)


def unit_for(user: AbstractBaseUser | None, unit_id: int | None) -> OrgUnit:
    """The one named; without a name, the one that everything the user manages stands below.

    Raises `NotFound`, or `InvalidInput` where there are several.
    """
    rows = units_of(user)
    if unit_id is not None:
        unit = rows.filter(pk=unit_id).first()
        if unit is None:
            raise NotFound(field="unit")
        return unit
    topmost = list(rows.filter(Q(parent=None) | ~Q(parent__in=rows.values("pk")))[:2])
    if len(topmost) == 1:
        return topmost[0]
    if not topmost and user is not None:
        raise NotAllowed()
    raise InvalidInput(_("Say for which unit this roster speaks."), field="unit")


# --- verbs ------------------------------------------------------------------------------------------------------------
def upload(
    content: bytes,
    *,
    name: str,
    unit: OrgUnit,
    by: AbstractBaseUser | None,
    options: Options | None = None,
    rows: int | None = None,
    ring: bool = True,
) -> RosterImport:
    """Keep the file and have it read. `ring`: by a worker; without it, by whoever calls `read`. `rows`: what
    `reading.check` has said of it, if it was asked already.

    Raises `UnreadableFile`, `InvalidInput` or `NotAllowed`.
    """
    options = options or Options()
    mapping = columns.checked(options.mapping or {})
    check_right(by, unit)
    rows = reading.check(content) if rows is None else rows
    roster = RosterImport(
        unit=unit,
        file_name=_file_name(name),
        size=len(content),
        sha256=digest(content),
        complete=options.complete,
        create_units=options.create_units,
        mapping=mapping,
        total=rows,
        language=translation.get_language() or settings.LANGUAGE_CODE,
        created_by=by,
        created_by_operator=operator(by),
        created_key=key_of(by),
    )
    return _store(roster, content, by=by, ring=ring)


@transactional
def _store(roster: RosterImport, content: bytes, *, by: AbstractBaseUser | None, ring: bool) -> RosterImport:
    roster.pk = None
    roster.due_at = ring_again() if ring else None
    roster.save(force_insert=True)
    RosterPart.objects.bulk_create(
        (RosterPart(roster=roster, number=number, content=part) for number, part in enumerate(chunks(content, PART))),
        batch_size=1,
    )
    if ring:
        jobs.enqueue(jobs.READ_ROSTER, roster.pk, lane=jobs.EXPORTS_LANE)
    audit.record("upload", roster, by=by, sha256=roster.sha256, bytes=roster.size, **named(roster.created_by_operator))
    return _fresh(roster)


@transactional
def correct(roster: RosterImport, options: Options, *, by: AbstractBaseUser | None, ring: bool = True) -> RosterImport:
    """Read the file anew: other columns, other options (a mapping of None stays as it is).

    Raises `InvalidInput`, `NotAllowed` or `Conflict`.
    """
    check_right(by, roster.unit)
    mapping = roster.mapping if options.mapping is None else columns.checked(options.mapping)
    found = RosterImport.objects.filter(pk=roster.pk, state__in=(State.READY, State.FAILED))
    if not found.update(
        state=State.READING,
        mapping=mapping,
        complete=options.complete,
        create_units=options.create_units,
        tries=0,
        lease="",
        error="",
        done=0,
        counts={},
        due_at=ring_again() if ring else None,
    ):
        raise Conflict(_("This import is in work, or it has ended."))
    forget_changes(roster.pk)
    if ring:
        jobs.enqueue(jobs.READ_ROSTER, roster.pk, lane=jobs.EXPORTS_LANE)
    who = named(operator(by))
    audit.record("correct", roster, by=by, complete=options.complete, create_units=options.create_units, **who)
    return _fresh(roster)


@transactional
def apply(
    roster: RosterImport, *, by: AbstractBaseUser | None, let_leave: bool = False, ring: bool = True
) -> RosterImport:
    """Have the diff applied as it was shown. `let_leave` answers the question of `RosterImport.asks`.

    Raises `NotAllowed`, `ManyLeave` or `Conflict`.
    """
    roster = RosterImport.objects.select_for_update().get(pk=roster.pk)
    check_right(by, roster.unit)
    if roster.state != State.READY:
        raise Conflict(_("Only an import that has been read and compared can be applied."))
    if roster.asks and not let_leave:
        raise ManyLeave(
            _("%s Confirm this too, if it is meant.") % roster.question,
            field="let_leave",
        )
    due_at = ring_again() if ring else None
    RosterImport.objects.filter(pk=roster.pk).update(
        state=State.APPLYING,
        applied_by=by,
        applied_by_operator=operator(by),
        applied_key=key_of(by),
        tries=0,
        lease="",
        due_at=due_at,
    )
    if ring:
        jobs.enqueue(jobs.APPLY_ROSTER, roster.pk, lane=jobs.EXPORTS_LANE)
    audit.record("apply", roster, by=by, let_leave=let_leave, **named(operator(by)))
    return _fresh(roster)


@transactional
def discard(roster: RosterImport, *, by: AbstractBaseUser | None) -> RosterImport:
    """Throw the file and the diff away. Raises `NotAllowed` or `Conflict`."""
    check_right(by, roster.unit)
    found = RosterImport.objects.filter(pk=roster.pk, state__in=(State.READING, State.READY, State.FAILED))
    if not found.update(state=State.DISCARDED, ended_at=Now(), due_at=None, lease=""):
        raise Conflict(_("This import is being applied, or it has ended."))
    forget_file(roster.pk)
    forget_changes(roster.pk)
    audit.record("discard", roster, by=by, **named(operator(by)))
    return _fresh(roster)


def forget_old() -> None:
    """What nobody has confirmed goes whole; what was applied keeps its record and its counts."""
    waiting = RosterImport.objects.filter(state__in=(State.READY, State.FAILED))
    for roster in waiting.filter(created_at__lt=Now() - KEPT_UNCONFIRMED):
        discard(roster, by=None)
    old = RosterImport.objects.filter(ended_at__lt=Now() - KEPT_CHANGES, changes__isnull=False).distinct()
    for pk in old.values_list("pk", flat=True):
        forget_changes(pk)


# --- parts ------------------------------------------------------------------------------------------------------------
def ring_again() -> CombinedExpression:
    return Now() + settings.RING_AGAIN


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def forget_file(roster_id: int) -> None:
    RosterPart.objects.filter(roster=roster_id).delete()


def forget_changes(roster_id: int) -> None:
    RosterChange.objects.filter(roster=roster_id).delete()


def _file_name(name: str) -> str:
    """Without a path, and as it can be shown."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in bare if character.isprintable())[:255] or "roster"


def _fresh(roster: RosterImport) -> RosterImport:
    return RosterImport.objects.select_related("unit", "created_by", "applied_by").get(pk=roster.pk)
