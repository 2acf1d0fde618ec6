"""What stands in the terminal."""

import io

from rich.console import Console

from benchmarks import table
from benchmarks.figures import Part, Ratio, Row, Usage

ROUNDS = (Usage(2000, 1.0, 1.0, 90.0), Usage(2000, 4.0, 3.0, 80.0), Usage(2000, 2.0, 2.0, 100.0))


def printed(*rows: Row) -> str:
    output = io.StringIO()
    Console(file=output, width=table.WIDTH).print(table.of(Part("email", "E-mail", rows)))
    return output.getvalue()


def cells(text: str, start: str) -> list[str]:
    line = next(line for line in text.splitlines() if start in line)
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_a_row_shows_the_medians_of_its_rounds() -> None:
    text = printed(Row("msgcenter", "msgcenter", ROUNDS, (Ratio("email.vs_raw", 0.75, "raw limit"),)))
    expected = ["msgcenter", "2,000", "1,000", "1.00", "90 MiB", "0.750 × raw limit", "≥ 0.70", "yes"]
    assert cells(text, "msgcenter") == expected


def test_a_missed_goal_says_so() -> None:
    assert cells(printed(Row("a", "aa", ROUNDS, (Ratio("email.vs_celery", 11.9, "it"),))), "aa")[-1] == "NO"


def test_a_ratio_without_a_goal_is_not_judged() -> None:
    found = cells(printed(Row("a", "aa", ROUNDS, (Ratio("email.vs_loop", 5.0, "loop"),))), "aa")
    assert found[5:] == ["5.00 × loop", "", ""]


def test_every_ratio_of_a_row_is_shown() -> None:
    text = printed(Row("a", "aa", ROUNDS, (Ratio("email.vs_raw", 0.1, "one"), Ratio("sms.vs_raw", 0.9, "two"))))
    assert cells(text, "× one")[-2:] == ["≥ 0.70", "NO"]
    assert cells(text, "× two")[-2:] == ["≥ 0.85", "yes"]


def test_a_figure_stands_where_speed_says_nothing() -> None:
    assert cells(printed(Row("a", "request", figure="18.7 ms")), "request")[2] == "18.7 ms"
