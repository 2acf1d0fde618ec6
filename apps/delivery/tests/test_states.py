"""The state machine of a delivery: every pair of states.

That the services keep to it is tested in `workers/tests/test_delivery_services.py`.
"""

import itertools

import pytest

from apps.delivery.states import ARRIVED, RETRACTABLE, SETTLED, TRANSITIONS, Status, Verdict, may_follow, weigh

#: Written from the table of the design by hand, so that the data cannot prove itself.
ALLOWED = {
    "waiting": "queued cancelled expired accepted delivered",
    "queued": "claimed cancelled expired suppressed accepted delivered",
    "claimed": "sending queued cancelled expired suppressed accepted delivered",
    "sending": "accepted waiting failed unknown",
    "unknown": "accepted delivered failed waiting",
    "accepted": "delivered failed",
    "delivered": "",
    "failed": "accepted delivered waiting",
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


def test_what_can_be_taken_back_is_not_with_a_provider_now() -> None:
    """It may have been before: then a receipt says that it has arrived, and nothing else is heard of it."""
    reached = {after for before in RETRACTABLE for after in TRANSITIONS[before]}
    assert reached <= RETRACTABLE | {Status.SENDING, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED} | ARRIVED
    assert Status.SENDING not in RETRACTABLE


EVIDENCE = (Status.ACCEPTED, Status.DELIVERED, Status.FAILED)
FINAL = {Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED}


def apply_all(pieces: list[tuple[Status, int]], *, status: Status, reason: str, attempts: int) -> Status:
    """Where a row ends whose evidence comes in this order; what comes too early is tried again after the others."""
    rounds = 0
    while pieces and rounds <= len(EVIDENCE) * 2:
        again = []
        for evidence, attempt in pieces:
            verdict = weigh(evidence, attempt=attempt, status=status, reason=reason, attempts=attempts)
            if verdict is Verdict.MOVES:
                assert status == evidence or may_follow(status, evidence)
                status, reason = evidence, "no_such_number" if evidence is Status.FAILED else ""
            elif verdict is Verdict.TOO_EARLY:
                again.append((evidence, attempt))
        pieces, rounds = again, rounds + 1
    return status


@pytest.mark.parametrize("reason", ["", "unconfirmed", "rejected"])
@pytest.mark.parametrize("status", Status)
def test_fault_19_evidence_comes_to_the_same_end_in_every_order_and_number(status: Status, reason: str) -> None:
    pieces = [(evidence, attempt) for evidence in EVIDENCE for attempt in (1, 2)]
    for size in range(1, 5):
        for chosen in itertools.combinations(pieces, size):
            orders = itertools.permutations(chosen)
            ends = {apply_all([*order, *order], status=status, reason=reason, attempts=2) for order in orders}
            assert len(ends) == 1, (chosen, ends)


@pytest.mark.parametrize("status", Status)
def test_fault_19_delivered_wins(status: Status) -> None:
    end = apply_all([(one, 1) for one in EVIDENCE], status=status, reason="", attempts=1)
    if status in FINAL | {Status.SENDING}:
        assert end is status
    else:
        assert end is Status.DELIVERED


def verdict(evidence: str, before: str, **changes: object) -> Verdict:
    facts = {"attempt": 1, "attempts": 1, "reason": "", **changes}
    return weigh(Status(evidence), status=Status(before), **facts)


@pytest.mark.parametrize("before", ["waiting", "queued", "claimed", "unknown"])
def test_an_arrival_settles_what_would_be_sent_again(before: str) -> None:
    assert verdict("accepted", before) is Verdict.MOVES
    assert verdict("delivered", before, attempts=2) is Verdict.MOVES


@pytest.mark.parametrize("before", ["waiting", "queued", "claimed"])
def test_what_was_never_handed_over_is_moved_by_no_receipt(before: str) -> None:
    assert {verdict(evidence, before, attempts=0) for evidence in EVIDENCE} == {Verdict.SAYS_NOTHING_NEW}


def test_a_failure_of_an_earlier_attempt_says_nothing_of_this_one() -> None:
    for before in Status:
        assert verdict("failed", before, attempts=2) is Verdict.SAYS_NOTHING_NEW


def test_only_the_unconfirmed_of_the_failed_may_have_been_accepted() -> None:
    assert verdict("accepted", "failed", reason="unconfirmed") is Verdict.MOVES
    assert verdict("accepted", "failed", reason="rejected") is Verdict.SAYS_NOTHING_NEW


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_a_row_that_is_being_sent_is_left_to_its_worker(evidence: str) -> None:
    assert verdict(evidence, "sending") is Verdict.TOO_EARLY


@pytest.mark.parametrize("before", sorted(FINAL))
def test_what_was_ended_by_us_never_changes(before: str) -> None:
    assert {verdict(evidence, before) for evidence in EVIDENCE} == {Verdict.SAYS_NOTHING_NEW}


def test_fault_19_no_evidence_moves_a_delivered_row() -> None:
    assert {verdict(evidence, "delivered") for evidence in EVIDENCE} == {Verdict.SAYS_NOTHING_NEW}


def test_nothing_settled_opens_again_but_what_a_person_sends_again() -> None:
    opened = {(before, after) for before in SETTLED for after in TRANSITIONS[before] if after not in SETTLED}
    assert opened == {(Status.FAILED, Status.WAITING)}
