"""Sets of people: lost, given up, twice."""

from benchmarks import tally
from benchmarks.tally import Owed, Tally


def one(**row: bool) -> Owed:
    return Owed(address="a", **{"taken": True, **row})


def clean(**numbers: int) -> Tally:
    zero = dict.fromkeys(("owed", "sent", "lost", "given_up", "wrong", "twice_said", "twice_unsaid"), 0)
    return Tally(**{**zero, "owed": 1, **numbers})


def test_what_both_have_once_is_sent() -> None:
    assert tally.count([one()], ["a"]) == clean(sent=1)
    assert tally.count([one()], ["a"]).holds


def test_accepted_by_the_database_alone_is_lost() -> None:
    assert tally.count([one()], []) == clean(lost=1)
    assert not tally.count([one()], []).holds


def test_never_ended_is_lost_and_ended_with_a_reason_is_not() -> None:
    assert tally.count([one(taken=False)], []) == clean(lost=1)
    assert tally.count([one(taken=False, given_up=True)], []) == clean(given_up=1)


def test_taken_by_a_server_alone_is_wrong_even_when_given_up() -> None:
    assert tally.count([one(taken=False, given_up=True)], ["a"]) == clean(sent=1, wrong=1)
    assert tally.count([one()], ["a", "nobody"]).wrong == 1


def test_twice_is_split_by_what_the_row_admits() -> None:
    assert tally.count([one(flagged=True)], ["a", "a"]) == clean(sent=1, twice_said=1)
    assert tally.count([one()], ["a", "a"]) == clean(sent=1, twice_unsaid=1)
    assert tally.count([one(flagged=True)], ["a", "a"]).holds
    assert not tally.count([one()], ["a", "a"]).holds
