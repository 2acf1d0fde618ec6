"""The order of measurements."""

import pytest

from benchmarks import turns
from benchmarks.figures import Usage


def test_rounds_are_taken_in_turns(capsys: pytest.CaptureFixture[str]) -> None:
    order = []

    def measure(name: str) -> Usage:
        order.append(name)
        return Usage(10, len(order), 1.0, 1.0)

    taken = turns.take({"a": lambda: measure("a"), "b": lambda: measure("b")}, rounds=3)
    assert "".join(order) == "ababab"
    assert [usage.seconds for usage in taken["b"]] == [2, 4, 6]
    assert "3/3 b: 2/s in 6.00 s" in capsys.readouterr().err
