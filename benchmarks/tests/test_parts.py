"""What each part makes of its measurements: together they bring every figure that has a goal."""

from collections.abc import Sequence

from benchmarks import sizes
from benchmarks.figures import GOALS, Usage
from benchmarks.parts import email, emergency, growth, inbox, people, sms


def taken(*names: str) -> dict[str, tuple[Usage, ...]]:
    """The n-th of them delivers n hundred a second, for 1 CPU second in a hundred."""
    return {name: (Usage(100 * number, 1.0, number, 50.0),) for number, name in enumerate(names, start=1)}


def ratios(rows: Sequence[object]) -> dict[str, float]:
    return {ratio.key: ratio.value for row in rows for ratio in row.ratios}


WAYS = ("celery", "loop", "post_office", "personal", "msgcenter", "raw", "raw_pipelined", "raw_chained")
EMAIL = email.rows(taken(*WAYS))
SMS = sms.rows(taken("celery", "loop", "msgcenter", "raw"))
INBOX = inbox.rows(taken("msgcenter", "raw"))
GROWTH = growth.rows(
    {"small": (Usage(100, 1.0, 1.0, 50.0),), "large": (Usage(1000, 20.0, 11.0, 50.0),)},
    {"small": 200.0, "large": 210.0},
    (0.020, 0.022),
)
EMERGENCY = emergency.rows({"idle": 2.0, "loaded": 3.0}, sizes.QUICK)


def test_the_parts_bring_every_figure_that_has_a_goal() -> None:
    found = {key for rows in (EMAIL, SMS, INBOX, GROWTH, EMERGENCY) for key in ratios(rows)}
    assert GOALS.keys() - found == set()


def test_email_is_held_against_the_limit_and_all_peers() -> None:
    assert ratios(EMAIL) == {
        "email.vs_raw": 5 / 6,
        "email.vs_post_office": 5 / 3,
        "email.vs_celery": 5,
        "email.vs_loop": 5 / 2,
        "email.vs_raw_pipelined": 5 / 7,
        "email.vs_raw_chained": 5 / 8,
        "email.personal_vs_raw": 4 / 6,
    }


def test_sms_and_inbox_are_held_against_their_limits() -> None:
    assert ratios(SMS)["sms.vs_raw"] == 3 / 4
    assert ratios(INBOX) == {"inbox.vs_raw": 1 / 2}


def test_growth_is_large_by_small() -> None:
    found = {key: round(value, 6) for key, value in ratios(GROWTH).items()}
    assert found == {"growth.cost": 1.1, "growth.memory": 1.05, "growth.wall": 2.0, "growth.publish": 1.1}


def test_an_emergency_is_told_in_seconds_under_load_by_idle() -> None:
    assert ratios(EMERGENCY) == {"emergency.vs_idle": 1.5}
    assert [row.figure for row in EMERGENCY] == ["in 2.00 s", "in 3.00 s"]


def test_people_are_told_in_seconds_and_mebibytes() -> None:
    row = people.a_row("import", "a roster", 30_000, 40.0, 60.0, used=30.0, memory=300.0)
    assert row.cells == ("30,000", "40.00", "30.00", "300 MiB", "< 60 s", "yes")
    assert people.a_row("preview", "a preview", 100_000, 1.5, 1.0).cells == ("100,000", "1.50", "", "", "< 1 s", "NO")
