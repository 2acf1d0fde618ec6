"""A window lasts seconds, whatever the provider."""

import pytest

from workers import pace


def test_an_account_nobody_has_called_is_tried_with_a_few() -> None:
    assert pace.window(1, most=100) == pace.FIRST
    assert pace.window(1, most=3) == 3


@pytest.mark.parametrize(
    ("tried", "took", "expected"),
    [(100, 0.02, 100), (10, 0.5, 50), (10, 3.0, 10), (10, 10.0, 3), (1, 20.0, 1), (10, 0.0, 100)],
)
def test_a_window_holds_what_the_last_one_lets_expect_in_its_time(tried: int, took: float, expected: int) -> None:
    pace.learn(1, tried=tried, took=took)
    assert pace.window(1, most=100 if expected == 100 else 50) == expected


def test_each_account_has_its_own_pace_and_it_changes() -> None:
    pace.learn(1, tried=1, took=3.0)
    pace.learn(2, tried=10, took=0.1)
    assert (pace.window(1, most=50), pace.window(2, most=50)) == (1, 50)
    pace.learn(1, tried=1, took=0.05)
    assert pace.window(1, most=50) == 50


def test_a_window_that_tried_nothing_says_nothing() -> None:
    pace.learn(1, tried=10, took=3.0)
    pace.learn(1, tried=0, took=9.0)
    assert pace.window(1, most=50) == 10
