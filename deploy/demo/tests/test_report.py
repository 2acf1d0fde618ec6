"""The exit status and the last line say what the ledger says."""

import io
import json

import pytest
from rich.console import Console

from apps.delivery.selectors import ChannelProgress, Progress, ReasonCount
from apps.delivery.states import Status
from apps.messaging.states import Status as MessageStatus
from apps.messaging.timetable import Timetable, Unreadable
from deploy.demo import report


def channel(key: str, **counts: int) -> ChannelProgress:
    reasons = (ReasonCount(Status.SUPPRESSED, "no_address", counts["suppressed"]),) if "suppressed" in counts else ()
    return ChannelProgress(key, key.title(), "", sum(counts.values()), sum(counts.values()), counts, reasons)


def ledger(*channels: ChannelProgress, audience: int = 10, complete: bool = True) -> Progress:
    return Progress(
        status=MessageStatus.FINISHED,
        paused=False,
        sandboxed=False,
        audience=audience,
        read=0,
        complete=complete,
        channels=channels,
    )


def screen() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (ledger(channel("inbox", delivered=10), channel("sms", accepted=8, suppressed=2)), True),
        (ledger(channel("inbox", delivered=10), channel("sms", accepted=8, suppressed=1)), False),
        (ledger(channel("inbox", delivered=10), complete=False), False),
        (ledger(channel("inbox", delivered=9), audience=9), False),
    ],
    ids=["adds up", "one is missing", "not complete", "smaller than asked for"],
)
def test_it_holds_only_if_every_channel_sums_to_the_audience_asked_for(found: Progress, holds: bool) -> None:
    assert report.holds(found, 10) is holds


def test_the_table_shows_every_state_that_occurs_the_sum_and_the_reasons() -> None:
    shown = screen()
    report.show_ledger(shown, ledger(channel("inbox", delivered=10), channel("sms", accepted=8, suppressed=2)))
    text = shown.file.getvalue()
    assert "10" in text.split("Sms")[1]
    assert str(Status.SUPPRESSED.label) in text
    assert str(Status.FAILED.label) not in text


def test_unreadable_rows_beyond_a_screenful_are_pointed_to() -> None:
    rows = tuple(Unreadable(row, "人数", "?", "[reason]", "Sheet1") for row in range(2, 32))
    shown = screen()
    report.show_unreadable(shown, Timetable((), rows), "unreadable.txt")
    text = shown.file.getvalue()
    assert text.count("[reason]") == report.UNREADABLE_SHOWN
    assert "10" in text
    assert "unreadable.txt" in text
    assert len(report.unreadable_lines(Timetable((), rows))) == 30


def test_a_pipe_gets_plain_lines_and_always_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen()
    meter = report.meter(shown, 10)
    assert isinstance(meter, report.Lines)
    with meter:
        for complete in (False, False, True):
            meter.show(ledger(channel("inbox", delivered=10), complete=complete))
    assert shown.file.getvalue().count("Inbox 10/10") == 2


def test_a_terminal_gets_a_bar_per_channel() -> None:
    shown = Console(file=io.StringIO(), force_terminal=True, width=100)
    with report.meter(shown, 10) as meter:
        meter.show(ledger(channel("inbox", delivered=10), channel("sms", accepted=4)))
    assert "10/10" in shown.file.getvalue()
    assert "4/10" in shown.file.getvalue()


def test_a_failure_is_still_one_json_object() -> None:
    assert json.loads(report.failure("no such file"))["complete"] is False
