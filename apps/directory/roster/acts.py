"""What a line of the diff does to the directory, as it is kept in `RosterChange.act` until it is applied.

Plain JSON, read by `applying.py` alone. What is empty is left out:

    set        columns of the person and their values
    join       ids of units, or paths ([[kind, name], …]) of units that are to be made
    leave      ids of memberships
    contacts   [kind, value, id of the contact point whose value it takes, or null]
    drop       ids of contact points
    guardians  of a child: [{"id" or null, "name", "mobile", "relate": true, and set, contacts, drop as above}]
               "nameless": his name is made up; whoever else is new with this number and no name is the same
"""

from collections.abc import Mapping
from typing import Any

from apps.directory.models import ContactPoint, Person
from apps.directory.roster.known import Known

Act = dict[str, Any]
ROSTER = ContactPoint.Source.ROSTER.value


def reach(known: Known | None, contacts: Mapping[str, str]) -> Act:
    """What makes these addresses (kind -> value) somebody's.

    A roster adds its address and takes away what an earlier roster had said. What he entered himself, or the staff for
    him, stays; the address takes the place of the earlier roster's, so that the oldest of a kind remains the oldest.
    """
    added: list[list[object]] = []
    dropped: list[int] = []
    for kind, value in contacts.items():
        points = known.of_kind(kind) if known else []
        stale = [point.id for point in points if point.source == ROSTER and point.value != value]
        if value in (point.value for point in points):
            dropped += stale
        else:
            added.append([kind, value, stale[0] if stale else None])
            dropped += stale[1:]
    return filled({"contacts": added, "drop": dropped})


def filled(act: Act) -> Act:
    return {name: value for name, value in act.items() if value not in (None, [], {})}


def columns(known: Known | None, wanted: Mapping[str, object]) -> dict[str, object]:
    """Those columns of the person that are not yet as wanted; what is empty says nothing."""
    given = {name: value for name, value in wanted.items() if value not in (None, "")}
    if known is None:
        return {"state": Person.State.ACTIVE.value, **given}
    return {name: value for name, value in given.items() if getattr(known, name) != value}
