"""Waiting for a count."""

import itertools

import pytest

from benchmarks import production


def test_waiting_ends_with_the_last_one() -> None:
    numbers = itertools.count()
    production.wait_for(lambda: next(numbers), 5)
    assert next(numbers) == 6


def test_waiting_gives_up_when_the_count_stands_still() -> None:
    with pytest.raises(TimeoutError, match="3 of 5, and no more for"):
        production.wait_for(lambda: 3, 5, patience=0.05)


def test_more_than_were_to_be_sent_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="the server counts 6 accepted, 5 were to be"):
        production.check_count("the server", 6, 5)
