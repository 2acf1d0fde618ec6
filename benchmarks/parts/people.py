"""People: what a school does with its directory, one function for each figure.

On MariaDB as in production, in a process of its own whose peak of memory is its own.
"""

import time

import psutil

from benchmarks import previews, rosters
from benchmarks.figures import Part, Row
from benchmarks.meter import cpu, peak_resident
from benchmarks.sizes import Sizes
from tests.services.stack import Stack

COLUMNS = ("people", "s", "CPU s", "peak memory", "goal", "holds")
#: Seconds on two cores.
IMPORT_GOAL = 60.0
PREVIEW_GOAL = 1.0
IMPORT = """
    from pathlib import Path
    from apps.directory.roster import services, work
    content = Path({file!r}).read_bytes()
    school, options = OrgUnit.objects.get(kind="school"), services.Options(create_units=True)
    roster = services.upload(content, name="roster.xlsx", unit=school, by=None, options=options, ring=False)
    work.read(roster.pk)
    services.apply(roster, by=None, let_leave=True, ring=False)
    work.write(roster.pk)
"""


def run(sizes: Sizes, *, rounds: int) -> Part:
    """The names of the figures say how many people they are about at full size."""
    with a_stack() as stack:
        taken, used, memory = import_roster(stack, sizes.roster)
        again = import_again(stack, sizes.roster)
    with a_stack() as stack:
        preview = previews.seconds(stack, sizes.preview, rounds=3 * rounds)
    rows = (
        a_row(
            "import",
            "a roster in an empty school, from upload to commit",
            sizes.roster,
            taken,
            IMPORT_GOAL,
            used,
            memory,
        ),
        a_row("reimport", "the same roster a year later", sizes.roster, again[0], IMPORT_GOAL, *again[1:]),
        a_row("preview", "a preview of the whole school over four channels", sizes.preview, preview, PREVIEW_GOAL),
    )
    figures = {"import_30k_s": taken, "import_30k_cpu_s": used, "import_30k_mb": memory, "preview_100k_s": preview}
    figures["reimport_30k_s"] = again[0]
    return Part("people", "People", rows, figures, COLUMNS)


def a_stack() -> Stack:
    return Stack(environment={"DJANGO_SETTINGS_MODULE": "msgcenter.settings"}).start()


def import_roster(stack: Stack, people: int) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak MiB for a workbook of everybody into an empty school: upload, compare, apply. Each
    row is a student with a class, two addresses, and a guardian with one."""
    stack.shell('OrgUnit.objects.create(name="school", kind="school")')
    taken = imported(stack, rosters.workbook(people))
    check(stack, people, left=0)
    return taken


def import_again(stack: Stack, people: int) -> tuple[float, float, float]:
    """The same for the file of a year later: one in ten changed, one in twenty moved, one in a hundred left."""
    taken = imported(stack, rosters.a_year_later(people))
    check(stack, people, left=sum(map(rosters.has_left, range(people))))
    return taken


def imported(stack: Stack, content: bytes) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak MiB, in a process of its own."""
    file = stack.folder / "roster.xlsx"
    file.write_bytes(content)
    console = stack.console()
    process = [psutil.Process(console.pid)]
    started, before = time.perf_counter(), cpu(process)
    console.run(IMPORT.format(file=str(file)), seconds=900)
    seconds, used = time.perf_counter() - started, cpu(process) - before
    memory = peak_resident([console.pid])
    console.stop()
    return seconds, used, memory


def check(stack: Stack, people: int, *, left: int) -> None:
    found = stack.rows("SELECT kind, COUNT(*) FROM directory_person GROUP BY kind ORDER BY kind")
    if dict(found) != {"student": people, "guardian": people}:
        raise RuntimeError(f"{people} students and as many guardians were to be, there are {found}")
    gone = stack.rows("SELECT COUNT(*) FROM directory_person WHERE state = 'left'")
    if gone != [(left,)]:
        raise RuntimeError(f"{left} were to leave, {gone} have")


def a_row(
    name: str,
    title: str,
    people: int,
    seconds: float,
    goal: float,
    used: float | None = None,
    memory: float | None = None,
) -> Row:
    used_cell, memory_cell = "" if used is None else f"{used:.2f}", "" if memory is None else f"{memory:,.0f} MiB"
    holds = "yes" if seconds < goal else "NO"
    return Row(name, title, cells=(f"{people:,}", f"{seconds:.2f}", used_cell, memory_cell, f"< {goal:.0f} s", holds))
