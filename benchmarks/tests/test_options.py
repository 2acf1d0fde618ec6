"""The command line."""

from dataclasses import replace

import pytest

from benchmarks import options, sizes
from benchmarks.command import PARTS


def test_all_parts_in_three_rounds_by_default() -> None:
    chosen = options.read([])
    assert (chosen.parts, chosen.rounds) == (list(options.PARTS), 3)
    assert sizes.of(chosen) == replace(sizes.FULL, seed=chosen.seed)


def test_parts_keep_their_order_and_come_once() -> None:
    assert options.read(["inbox", "email", "inbox", "--quick"]).parts == ["email", "inbox"]


def test_quick_and_tiny_are_smaller() -> None:
    full, quick, tiny = (sizes.of(options.read(words)) for words in ([], ["--quick"], ["--tiny"]))
    assert full.email > quick.email > tiny.email
    assert full.growth_large > quick.growth_large > tiny.growth_large


@pytest.mark.parametrize("words", [["mail"], ["--rounds", "0"], ["--json", "/no/such/folder/x"], ["--quick", "--tiny"]])
def test_what_cannot_be_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options.read(words)
    assert ended.value.code == 2
    assert "usage: python -m benchmarks" in capsys.readouterr().err


def test_kills_run_only_when_named_and_repeat_by_their_seed() -> None:
    assert options.read(["kills", "--seed", "7"]).parts == ["kills"]
    assert sizes.of(options.read(["kills", "--seed", "7"])).seed == 7
    assert "kills" not in options.read([]).parts


def test_every_part_that_can_be_named_can_be_run() -> None:
    assert tuple(PARTS) == (*options.PARTS, *options.NAMED)
