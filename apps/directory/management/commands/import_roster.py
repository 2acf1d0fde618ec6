"""`manage.py import_roster FILE`: read a roster, show what it would do, and apply it when that is confirmed."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from apps.core.errors import MsgcenterError
from apps.directory.models import OrgUnit, RosterChange, RosterImport
from apps.directory.roster import services, work
from apps.directory.roster.columns import Field
from apps.directory.roster.services import Options

SHOWN = 20
PROBLEMS = (RosterChange.Kind.UNREADABLE, RosterChange.Kind.IGNORED)
State = RosterImport.State


def column(text: str) -> tuple[str, str]:
    title, equals, field = text.rpartition("=")
    if not equals or field not in ("", *Field.values):
        raise ArgumentTypeError(f"TITLE=FIELD; fields: {', '.join(Field.values)} (empty: not read)")
    return title, field


class Command(BaseCommand):
    help = "Compare a roster (CSV or .xlsx) with the directory, show the diff, and apply it after a question."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="show the diff and write nothing")
        parser.add_argument("--map", type=column, action="append", default=[], metavar="TITLE=FIELD")
        parser.add_argument("--unit", metavar="CODE|NAME", help="the unit it speaks of (default: the school)")
        parser.add_argument("--partial", action="store_true", help="who is not in the file has not left")
        parser.add_argument("--create-units", action="store_true", help="make classes that are not there")
        parser.add_argument("--yes", action="store_true", help="apply without a question")
        parser.add_argument("--let-leave", action="store_true", help="yes, also if more than 5 %% would leave")

    def handle(self, *args: Any, **options: Any) -> None:
        # The bar writes parts of lines.
        self.stdout.ending = ""
        self.console = Console(file=self.stdout, highlight=False, soft_wrap=True)
        try:
            self.run(**options)
        except MsgcenterError as error:
            raise CommandError(str(error.detail)) from error

    def run(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        roster = self.upload(file, **options)
        try:
            self.read(roster)
            self.show(roster)
            if dry_run:
                return
            self.confirm(roster, yes=options["yes"], let_leave=options["let_leave"])
            services.apply(roster, by=None, let_leave=True, ring=False)
            with self.bar(_("Applying")) as progress:
                work.write(roster.pk, progress=progress)
            roster.refresh_from_db()
            if roster.state != State.APPLIED:
                raise CommandError(roster.error or _("Nothing was applied."))
            self.console.print(_("Applied."))
        finally:
            work.take_back(roster.pk)
            roster.refresh_from_db()
            if roster.state in (State.READY, State.FAILED, State.READING):
                services.discard(roster, by=None)

    def upload(self, file: Path, *, unit: str | None, **options: Any) -> RosterImport:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(str(error)) from error
        wanted = Options(
            complete=not options["partial"], create_units=options["create_units"], mapping=dict(options["map"])
        )
        return services.upload(content, name=file.name, unit=unit_named(unit), by=None, options=wanted, ring=False)

    def read(self, roster: RosterImport) -> None:
        with self.bar(_("Reading")) as progress:
            work.read(roster.pk, progress=progress)
        roster.refresh_from_db()

    @contextmanager
    def bar(self, title: str) -> Iterator[Callable[[int, int], None]]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as progress:
            task = progress.add_task(title, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=max(done, total))

    def show(self, roster: RosterImport) -> None:
        if roster.state == State.FAILED:
            raise CommandError(roster.error)
        table = Table(title=roster.file_name, title_justify="left", show_header=False)
        for kind, label in RosterChange.Kind.choices:
            table.add_row(str(label), str(roster.counts.get(kind, 0)))
        table.add_row(_("unchanged"), str(roster.counts.get("unchanged", 0)))
        self.console.print(table)
        problems = roster.changes.filter(kind__in=PROBLEMS).order_by("pk")
        for change in problems[:SHOWN]:
            place = _("line %d") % change.line if change.line else change.sheet
            self.console.print(f"  {place} · {change.number} {change.name} · {change.reason}", markup=False)
        if (more := problems.count() - SHOWN) > 0:
            self.console.print(_("  … and %d more") % more)

    def confirm(self, roster: RosterImport, *, yes: bool, let_leave: bool) -> None:
        """Raises `CommandError` unless somebody says yes; to many leavers by their number."""
        if roster.asks and not let_leave:
            if not sys.stdin.isatty():
                raise CommandError(f"{roster.question} --let-leave")
            if input(_("%s Type their number if that is meant: ") % roster.question).strip() != str(roster.leave):
                raise CommandError(_("Nothing was applied."))
        elif not yes:
            if not sys.stdin.isatty():
                raise CommandError("--yes / --dry-run")
            if input(_("Apply as shown? [y/N] ")).strip().lower() not in ("y", "yes", "是"):
                raise CommandError(_("Nothing was applied."))


def unit_named(name: str | None) -> OrgUnit:
    if name is None:
        return services.unit_for(None, None)
    rows = services.units_of(None)
    found = list(rows.filter(code=name)) or list(rows.filter(name=name)[:2])
    if len(found) != 1:
        raise CommandError(_("There is no unit %s, or more than one.") % name)
    return found[0]
