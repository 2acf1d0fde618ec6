"""Which guardian a row means. Pure but for the two lookups."""

import pytest

from apps.directory.roster.guardians import Guardians, matched
from apps.directory.roster.known import Known, Point
from apps.directory.roster.values import Guardian


def known(pk: int, name: str, *mobiles: str, source: str = "roster") -> Known:
    points = tuple(Point(number, "mobile", mobile, source) for number, mobile in enumerate(mobiles, start=pk * 10))
    return Known(pk, None, name, "guardian", "active", None, "", points=points)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ([("张父", "1")], [1]),
        ([("张父", "")], [1]),
        ([("张父", "9")], [1]),
        ([("", "2")], [2]),
        ([("李妈", "2")], [2]),
        ([("王叔", "9")], [None]),
        ([("李母", "1"), ("张父", "1")], [2, 1]),
        ([("王叔", "1"), ("张父", "9")], [None, 1]),
    ],
)
def test_by_name_and_number_then_name_then_number(named: list[tuple[str, str]], found: list[int | None]) -> None:
    own = [known(1, "张父", "1"), known(2, "李母", "2")]
    pairs = matched([Guardian(*one) for one in named], own)
    assert [guardian and guardian.id for _named, guardian in pairs] == found


def test_what_contradicts_an_earlier_line_is_another_guardian() -> None:
    guardians = Guardians()
    own = known(1, "张父", "1")
    guardians._note(Guardian("张父", "1"), 1)
    assert matched([Guardian("张父", "2")], [own], agrees=guardians._agrees)[0][1] is None
    assert matched([Guardian("张父", "")], [own], agrees=guardians._agrees)[0][1] == own
