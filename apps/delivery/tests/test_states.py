"""The state machine of a delivery: every pair of states.

That the services keep to it is tested in `workers/tests/test_delivery_services.py`.
"""

import itertools

import pytest

from apps.delivery.states import RETRACTABLE, SETTLED, TRANSITIONS, Status, may_follow

#: Written from the table of the design by hand, so that the data cannot prove itself.
ALLOWED = {
    "waiting": "queued cancelled expired",
    "queued": "claimed cancelled expired suppressed",
    "claimed": "sending queued cancelled expired suppressed",
    "sending": "accepted waiting failed unknown",
    "unknown": "accepted delivered failed waiting",
    "accepted": "delivered failed",
    "delivered": "failed",
    "failed": "delivered waiting",
    "cancelled": "",
    "expired": "",
    "suppressed": "",
}


@pytest.mark.parametrize(("before", "after"), [*itertools.product(Status.values, repeat=2)])
def test_every_pair_of_states(before: str, after: str) -> None:
    assert may_follow(Status(before), Status(after)) == (after in ALLOWED[before].split())


def test_exactly_these_states_still_owe_something() -> None:
    assert set(Status) - SETTLED == {"waiting", "queued", "claimed", "sending", "unknown"}
    assert set(TRANSITIONS) == set(Status)


def test_what_can_be_taken_back_was_never_handed_over() -> None:
    reached = {after for before in RETRACTABLE for after in TRANSITIONS[before]}
    assert reached <= RETRACTABLE | {Status.SENDING, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED}
    assert Status.SENDING not in RETRACTABLE


def test_nothing_settled_opens_again_but_what_a_person_sends_again() -> None:
    opened = {(before, after) for before in SETTLED for after in TRANSITIONS[before] if after not in SETTLED}
    assert opened == {(Status.FAILED, Status.WAITING)}
