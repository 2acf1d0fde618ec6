"""People: what a school does with its directory, one function for each figure.

On MariaDB as in production, in a process of its own whose peak of memory is its own.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from benchmarks import rosters
from benchmarks.figures import Part, Row
from benchmarks.meter import cpu, peak_resident
from benchmarks.sizes import Sizes
from tests.services.stack import Stack

COLUMNS = ("people", "s", "CPU s", "peak memory", "goal", "holds")
#: Seconds for 30,000 rows on two cores.
IMPORT_GOAL = 60.0


IMPORT = """
    from pathlib import Path
    from apps.directory.roster import services, work
    content = Path({file!r}).read_bytes()
    school, options = OrgUnit.objects.get(), services.Options(create_units=True)
    roster = services.upload(content, name="roster.xlsx", unit=school, by=None, options=options, ring=False)
    work.read(roster.pk)
    services.apply(roster, by=None, let_leave=True, ring=False)
    work.write(roster.pk)
"""


@dataclass(frozen=True)
class Taken:
    people: int
    seconds: float
    memory: float
    cpu: float


def run(sizes: Sizes, *, rounds: int) -> Part:
    """`rounds` does not matter: each of these takes long enough to say something the first time."""
    with Stack(environment={"DJANGO_SETTINGS_MODULE": "msgcenter.settings"}).start() as stack:
        taken = {name: measure(stack, sizes) for name, measure in MEASURED.items()}
    return Part("people", "People", tuple(rows(taken)), figures(taken), COLUMNS)


def import_roster(stack: Stack, sizes: Sizes) -> Taken:
    """A workbook of everybody into an empty school: upload, compare, apply. Each row is a student with a class, two
    addresses, and a guardian with one."""
    file = stack.folder / "roster.xlsx"
    file.write_bytes(rosters.workbook(sizes.roster))
    console = stack.console()
    console.run('OrgUnit.objects.create(name="school", kind="school")')
    process = [psutil.Process(console.pid)]
    started, before = time.perf_counter(), cpu(process)
    console.run(IMPORT.format(file=str(file)), seconds=900)
    seconds, used = time.perf_counter() - started, cpu(process) - before
    memory = peak_resident([console.pid])
    console.stop()
    check(stack, sizes.roster)
    return Taken(sizes.roster, seconds, memory, used)


def check(stack: Stack, people: int) -> None:
    found = stack.rows("SELECT kind, COUNT(*) FROM directory_person GROUP BY kind ORDER BY kind")
    if dict(found) != {"student": people, "guardian": people}:
        raise RuntimeError(f"{people} students and as many guardians were to be, there are {found}")


MEASURED: Mapping[str, Callable[[Stack, Sizes], Taken]] = {"import": import_roster}
TITLES = {"import": "a roster in an empty school, from upload to commit"}
GOALS = {"import": IMPORT_GOAL}
#: The names of the figures say how many people they are about at full size.
KEYS = {"import": ("import_30k_s", "import_30k_mb", "import_30k_cpu_s")}


def rows(taken: Mapping[str, Taken]) -> list[Row]:
    return [Row(name, TITLES[name], cells=cells(name, one)) for name, one in taken.items()]


def cells(name: str, one: Taken) -> tuple[str, ...]:
    goal = GOALS[name]
    holds = "yes" if one.seconds < goal else "NO"
    measured = (f"{one.people:,}", f"{one.seconds:.2f}", f"{one.cpu:.2f}", f"{one.memory:,.0f} MiB")
    return (*measured, f"< {goal:.0f} s", holds)


def figures(taken: Mapping[str, Taken]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, one in taken.items():
        found |= zip(KEYS[name], (one.seconds, one.memory, one.cpu), strict=True)
    return found
