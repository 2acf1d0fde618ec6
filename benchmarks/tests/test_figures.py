"""Ratios and the names in the JSON."""

import pytest

from benchmarks import figures
from benchmarks.figures import GOALS, Goal, Part, Ratio, Row, Usage


def usage(seconds: float, *, deliveries: int = 1000, cpu: float = 2.0, memory: float = 100.0) -> Usage:
    return Usage(deliveries, seconds, cpu, memory)


def test_a_usage_is_told_by_the_second_and_by_the_thousand() -> None:
    one = usage(4.0, deliveries=2000, cpu=3.0)
    assert (one.per_s, one.cpu_per_1000) == (500, 1.5)


def test_speed_ratio_divides_the_medians_of_ours_by_theirs() -> None:
    ours, theirs = [usage(1.0), usage(2.0), usage(50.0)], [usage(4.0), usage(0.1), usage(8.0)]
    ratio = figures.speed_ratio("email.vs_raw", ours, theirs, base="raw limit")
    assert ratio == Ratio("email.vs_raw", 2.0, "raw limit")


def test_speed_ratio_compares_rows_of_different_size() -> None:
    few, many = [usage(1.0, deliveries=100)], [usage(10.0, deliveries=2000)]
    assert figures.speed_ratio("x", many, few, base="few").value == 2.0


@pytest.mark.parametrize(
    ("goal", "value", "holds"),
    [
        (Goal(0.7), 0.7, True),
        (Goal(0.7), 0.699, False),
        (Goal(1.1, at_least=False), 1.1, True),
        (Goal(1.1, at_least=False), 1.11, False),
    ],
)
def test_a_goal_is_a_floor_or_a_ceiling(goal: Goal, value: float, holds: bool) -> None:
    assert goal.holds(value) is holds


def test_the_goals_are_those_that_were_set() -> None:
    assert {key: str(goal) for key, goal in GOALS.items()} == {
        "email.vs_raw": "≥ 0.70",
        "email.personal_vs_raw": "≥ 0.50",
        "email.vs_post_office": "≥ 3.00",
        "email.vs_celery": "≥ 12.00",
        "sms.vs_raw": "≥ 0.85",
        "inbox.vs_raw": "≥ 0.60",
        "growth.cost": "≤ 1.10",
        "growth.memory": "≤ 1.10",
        "growth.publish": "≤ 1.20",
        "emergency.vs_idle": "≤ 1.50",
    }


def test_the_json_is_flat_ratios_first() -> None:
    row = Row("msgcenter", "msgcenter", (usage(1.0), usage(2.0), usage(4.0)), (Ratio("sms.vs_raw", 0.9, "raw limit"),))
    part = Part("sms", "SMS", (row, Row("extra", "no rounds", figure="3 ms")), {"extra_ms": 3.0})
    assert figures.flat([part]) == {
        "sms.vs_raw": 0.9,
        "sms.msgcenter.per_s": 500.0,
        "sms.msgcenter.cpu_s_per_1000": 2.0,
        "sms.msgcenter.memory_mib": 100.0,
        "sms.msgcenter.deliveries": 1000,
        "sms.msgcenter.rounds": 3,
        "sms.extra_ms": 3.0,
    }
