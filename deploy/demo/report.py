"""What the terminal shows: a bar per channel while it runs, then the ledger, the address and the logins."""

import json
import time
from collections.abc import Iterable, Sequence

from django.db.models import Max
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from apps.delivery import reasons
from apps.delivery.selectors import ChannelProgress
from apps.delivery.selectors import Progress as Ledger
from apps.delivery.states import Status
from apps.messaging.models import Message
from apps.messaging.timetable import Timetable

WIDTH_OF_A_PIPE = 140
SECONDS_BETWEEN_LINES = 3.0
UNREADABLE_SHOWN = 20


class Bars:
    """For a terminal: one bar per channel, redrawn in place."""

    def __init__(self, console: Console, audience: int) -> None:
        self.audience = audience
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.progress = Progress(*columns, console=console, auto_refresh=False)
        self.tasks: dict[str, int] = {}

    def __enter__(self) -> "Bars":
        self.progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.progress.stop()

    def show(self, ledger: Ledger) -> None:
        for channel in ledger.channels:
            if channel.key not in self.tasks:
                self.tasks[channel.key] = self.progress.add_task(channel.title, total=self.audience)
            self.progress.update(self.tasks[channel.key], completed=channel.settled)
        self.progress.refresh()


class Lines:
    """For a file or a pipe: a plain line every few seconds."""

    def __init__(self, console: Console, audience: int) -> None:
        self.console, self.audience = console, audience
        self.started, self.shown = time.monotonic(), float("-inf")

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def show(self, ledger: Ledger) -> None:
        now = time.monotonic()
        if now - self.shown < SECONDS_BETWEEN_LINES and not ledger.complete:
            return
        self.shown = now
        parts = [f"{channel.title} {channel.settled}/{self.audience}" for channel in ledger.channels]
        self.console.print(f"{now - self.started:6.1f} s  " + " · ".join(parts))


def console() -> Console:
    """A pipe gets one wide line instead of a table squeezed into 80 columns."""
    made = Console(highlight=False, soft_wrap=True)
    return made if made.is_terminal else Console(highlight=False, soft_wrap=True, width=WIDTH_OF_A_PIPE)


def meter(screen: Console, audience: int) -> Bars | Lines:
    return Bars(screen, audience) if screen.is_terminal else Lines(screen, audience)


def holds(ledger: Ledger, expected: int) -> bool:
    """Every delivery is final, and every channel sums to the audience that was asked for."""
    return ledger.complete and ledger.audience == expected and all(_sum(one) == expected for one in ledger.channels)


def show_ledger(screen: Console, ledger: Ledger) -> None:
    states = [state for state in Status if any(channel.counts.get(state) for channel in ledger.channels)]
    table = Table(title=_("What became of every delivery"), title_justify="left")
    table.add_column(_("channel"))
    for state in states:
        table.add_column(str(state.label), justify="right")
    table.add_column(_("sum"), justify="right", style="bold")
    for channel in ledger.channels:
        cells = [str(channel.counts.get(state, 0)) for state in states]
        table.add_row(channel.title, *cells, str(_sum(channel)))
    screen.print(table)
    for channel in ledger.channels:
        for one in channel.reasons:
            screen.print(f"  {channel.title} · {one.status.label} · {reasons.words(one.reason)} {one.count}")
    screen.print(_("Audience: %d people.") % ledger.audience)


def show_unreadable(screen: Console, timetable: Timetable, file: object) -> None:
    """Every row that became no exam; beyond a screenful they stand in `file`."""
    for line in unreadable_lines(timetable)[:UNREADABLE_SHOWN]:
        screen.print(f"  {line}", markup=False)
    if len(timetable.unreadable) > UNREADABLE_SHOWN:
        more = len(timetable.unreadable) - UNREADABLE_SHOWN
        screen.print(_("  … and %(more)d more: all of them are listed in %(file)s") % {"more": more, "file": file})


def unreadable_lines(timetable: Timetable) -> list[str]:
    where = _("%(sheet)s, row %(row)d, column %(column)s: “%(value)s”: %(reason)s")
    return [
        where % {name: getattr(one, name) for name in ("sheet", "row", "column", "value", "reason")}
        for one in timetable.unreadable
    ]


def show_logins(screen: Console, logins: Iterable[tuple[str, str, str]]) -> None:
    """(role, username, password); an empty password has been changed by its owner."""
    table = Table(box=None, pad_edge=False)
    for title in (_("role"), _("user name"), _("password")):
        table.add_column(title)
    for role, username, password in logins:
        table.add_row(role, username, password or _("(changed since)"))
    screen.print(table)


def seconds(message: Message) -> float:
    """From publish to the last delivery that became final."""
    last = message.message_channels.aggregate(last=Max("deliveries__updated_at"))["last"] or message.ended_at
    return round((last - message.published_at).total_seconds(), 2) if last and message.published_at else 0.0


def as_json(message: Message, ledger: Ledger, *, complete: bool) -> str:
    channels = {channel.key: channel.counts for channel in ledger.channels}
    result = {"audience": ledger.audience, "seconds": seconds(message), "complete": complete, "channels": channels}
    return json.dumps(result)


def failure(error: str) -> str:
    """What a machine reads where there is no ledger to speak of."""
    return json.dumps({"audience": 0, "seconds": 0.0, "complete": False, "channels": {}, "error": error})


def still_open(ledger: Ledger) -> Sequence[str]:
    return [
        f"{channel.title}: {channel.total - channel.settled} / {channel.total}"
        for channel in ledger.channels
        if channel.settled < channel.total
    ]


def _sum(channel: ChannelProgress) -> int:
    return sum(channel.counts.values())
