"""The oracle finds what it is there for: a judge that cannot say no proves nothing."""

import pytest

from tests import oracle
from tests.oracle import Row


def row(name: str, status: str = "accepted", *, attempt: int = 1, flagged: int = 0) -> Row:
    reason = "" if status in oracle.TAKEN else "unconfirmed"
    return Row(address=name, status=status, reason=reason, attempt=attempt, maybe_duplicate=flagged)


def judge(rows: list[Row], *accepted: str) -> None:
    oracle.assert_channel(rows, [{"to": name} for name in accepted], people=len(rows))


def test_everybody_once_is_sound() -> None:
    judge([row("a"), row("b", "delivered"), row("c", "failed")], "a", "b")


def test_what_the_provider_took_for_others_does_not_count() -> None:
    judge([row("a")], "a", "of another message", "of another message")


def test_a_repetition_that_the_row_admits_is_sound() -> None:
    judge([row("a", attempt=2, flagged=1)], "a", "a")


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_repetition_that_it_does_not_admit_is_found(attempt: int) -> None:
    with pytest.raises(AssertionError, match="twice, unsaid"):
        judge([row("a", attempt=attempt), row("b")], "a", "a", "b")


def test_more_repetitions_than_attempts_are_found() -> None:
    with pytest.raises(AssertionError, match="twice, unsaid"):
        judge([row("a", attempt=2, flagged=1)], "a", "a", "a")


def test_one_that_was_lost_is_found() -> None:
    with pytest.raises(AssertionError, match="both say the same"):
        judge([row("a"), row("b")], "a")


def test_one_that_was_sent_though_the_row_says_no_is_found() -> None:
    with pytest.raises(AssertionError, match="both say the same"):
        judge([row("a"), row("b", "failed")], "a", "b")


def test_one_that_is_still_open_is_found() -> None:
    with pytest.raises(AssertionError, match="final"):
        judge([row("a"), row("b", "unknown")], "a")


def test_one_without_a_row_is_found() -> None:
    with pytest.raises(AssertionError, match="one delivery per person"):
        oracle.assert_channel([row("a")], [{"to": "a"}], people=2)
