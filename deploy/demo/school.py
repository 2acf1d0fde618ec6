"""A vocational school that does not exist: the same people on every machine.

Every address is one that nobody can have: e-mail under the reserved names `.example`, mobile numbers of the block
555-0100 to 555-0199 that the North American plan keeps for fiction. What is drawn about a person depends on his number
alone, so that he is the same in whatever order people are made.
"""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from apps.accounts.models import RoleAssignment
from apps.delivery.models import Suppression
from apps.directory.models import ContactPoint, OrgUnit, Person
from deploy.demo import exams, names

SEED = "msgcenter"
SCHOOL = "示例职业技术学院"
DEPARTMENTS = ("教务处", "学生处", "后勤处")
COLLEGES = {
    "信息工程学院": ("软件技术", "计算机网络技术"),
    "机电工程学院": ("机电一体化技术", "数控技术"),
    "经济管理学院": ("大数据与会计", "电子商务"),
    "医药健康学院": ("护理", "药学"),
    "建筑艺术学院": ("建筑工程技术", "环境艺术设计"),
    "交通旅游学院": ("新能源汽车技术", "旅游管理"),
}
#: Cohort of every class of a programme: two in the first and the second year, one in the third.
COHORTS = (2024, 2025, 2025, 2026, 2026)
CLASS_SIZE = 40
CLASSES = len(COHORTS) * sum(len(programmes) for programmes in COLLEGES.values())
STUDENTS = CLASSES * CLASS_SIZE
#: The student numbers have two digits for the place in the class.
MOST_STUDENTS = CLASSES * 99
STUDENTS_PER_STAFF = 15

NO_MOBILE, NO_EMAIL, DEAD, OPTED_OUT, HAS_DEVICE = 0.03, 0.04, 0.01, 0.01, 0.30
HAS_GUARDIAN, HAS_SECOND_GUARDIAN = 0.6, 0.15
ON_INTERNSHIP = 0.5
#: Area codes of the plan less the service codes. The sandbox answers in special ways for the lines 0197 to 0199.
AREAS = tuple(area for area in range(200, 1000) if area % 100 != 11)
LIVING_LINES = range(100, 197)
DEAD_LINE = 199

Path = tuple[str, ...]
Role = RoleAssignment.Role


@dataclass(frozen=True, slots=True)
class Unit:
    """`path` holds the names from the school down to the unit."""

    path: Path
    kind: OrgUnit.Kind


@dataclass(frozen=True, slots=True)
class Contact:
    kind: ContactPoint.Kind
    value: str


@dataclass(frozen=True, slots=True)
class Human:
    """Somebody of the directory. A guardian has no number; `guards` is that of his child."""

    kind: Person.Kind
    name: str
    number: str | None
    unit: Path | None
    contacts: tuple[Contact, ...]
    suppressed: tuple[tuple[Contact, Suppression.Reason], ...] = ()
    guards: str = ""
    advises: Path | None = None
    cohort: int | None = None
    born_on: date | None = None
    state: Person.State = Person.State.ACTIVE


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can log in; `person` is a number of the directory."""

    username: str
    role: Role | None = None
    unit: Path = (SCHOOL,)
    person: str | None = None


@dataclass(frozen=True, slots=True)
class School:
    units: tuple[Unit, ...]
    humans: tuple[Human, ...]
    logins: tuple[Login, ...] = ()


@dataclass(slots=True)
class Numbers:
    """Hands out mobile numbers, each once: `first` is how many were given before."""

    first: int = 0
    living: Iterator[str] = field(init=False)
    dead: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.living = (mobile(index) for index in range(self.first, len(AREAS) * len(LIVING_LINES)))
        self.dead = (f"+1{AREAS[index % len(AREAS)]}555{DEAD_LINE:04d}" for index in range(self.first, 10**9))


def mobile(index: int) -> str:
    """The number of the person at `index`, for people who are well."""
    area, line = divmod(index, len(LIVING_LINES))
    return f"+1{AREAS[area]}555{LIVING_LINES[line]:04d}"


def make(students: int = STUDENTS, *, numbers_given: int = 0) -> School:
    """Departments, colleges and everybody in them, for that many students."""
    units, pupils = [*offices(), *(Unit((SCHOOL, name), OrgUnit.Kind.COLLEGE) for name in COLLEGES)], []
    numbers = Numbers(numbers_given)
    for path, prefix, size in classes(students):
        units += [Unit(path[:3], OrgUnit.Kind.PROGRAMME), Unit(path, OrgUnit.Kind.CLASS)]
        pupils += [student(f"{prefix}{seat:02d}", path, numbers) for seat in range(1, size + 1)]
    staff = list(teachers(pupils, max(len(DEPARTMENTS), students // STUDENTS_PER_STAFF), numbers))
    guardians = [guardian for pupil in pupils for guardian in guardians_of(pupil, numbers)]
    return School(tuple(dict.fromkeys(units)), (*pupils, *staff, *guardians), logins(staff))


def offices() -> Iterator[Unit]:
    yield Unit((SCHOOL,), OrgUnit.Kind.SCHOOL)
    for name in DEPARTMENTS:
        yield Unit((SCHOOL, name), OrgUnit.Kind.DEPARTMENT)


def without_students() -> School:
    """The departments and those who log in there, for a school whose students come from a timetable."""
    staff = list(teachers([], STUDENTS // STUDENTS_PER_STAFF, Numbers()))
    return School(tuple(offices()), tuple(person for person in staff if person.unit[1] in DEPARTMENTS), logins(staff))


def logins(staff: Iterable[Human]) -> tuple[Login, ...]:
    """The author and the approver are the first two of the first department."""
    office = (SCHOOL, DEPARTMENTS[0])
    author, approver = [person.number for person in staff if person.unit == office][:2]
    return (
        Login("admin", Role.ADMINISTRATOR),
        Login("author", Role.AUTHOR, office, author),
        Login("approver", Role.APPROVER, office, approver),
    )


def classes(students: int) -> Iterator[tuple[Path, str, int]]:
    """Path, beginning of the student numbers, and size of every class; fewer students make fewer classes."""
    left, size = students, max(CLASS_SIZE, math.ceil(students / CLASSES))
    for position, cohort in enumerate(COHORTS):
        year_class = COHORTS[:position].count(cohort) + 1
        for college_number, (college, programmes) in enumerate(COLLEGES.items(), start=1):
            for branch, programme in enumerate(programmes):
                if left <= 0:
                    return
                name = f"{programme}{cohort % 100}{year_class:02d}班"
                prefix = f"{cohort}{college_number:02d}{branch * len(COHORTS) + position + 1:02d}"
                yield (SCHOOL, college, programme, name), prefix, min(left, size)
                left -= size


def student(number: str, unit: Path, numbers: Numbers, *, name: str = "") -> Human:
    rng = random.Random(f"{SEED}:{number}")
    name = name or names.name(rng)
    contacts, suppressed = reach(rng, number, "stu.school.example", numbers)
    life = dict(zip(("cohort", "born_on", "state"), life_of(number), strict=True))
    return Human(Person.Kind.STUDENT, name, number, unit, contacts, suppressed, **life)


def life_of(number: str) -> tuple[int | None, date | None, Person.State]:
    """Cohort, birth and state of a student: some come at 15, most at 18, and half of the third year are interns.

    Of a number that does not begin with a year, nobody knows.
    """
    year = int(number[:4]) if number[:4].isdecimal() else 0
    if year not in COHORTS:
        return None, None, Person.State.ACTIVE
    rng = random.Random(f"{SEED}:life:{number}")
    age = rng.choices((15, 16, 17, 18, 19), weights=(2, 2, 3, 6, 2))[0]
    born_on = date(year - age, 9, 1) + timedelta(days=rng.randrange(-365, 0))
    intern = year == min(COHORTS) and rng.random() < ON_INTERNSHIP
    return year, born_on, Person.State.INTERNSHIP if intern else Person.State.ACTIVE


def teachers(pupils: Iterable[Human], count: int, numbers: Numbers) -> Iterator[Human]:
    """A quarter works in the departments; the others in colleges, where the first ones each advise a class."""
    classes = list(dict.fromkeys(pupil.unit for pupil in pupils))
    for index in range(count):
        number = f"T{index + 1:04d}"
        rng = random.Random(f"{SEED}:{number}")
        name = names.name(rng)
        contacts, suppressed = reach(rng, number, "staff.school.example", numbers)
        if index % 4 == 0 or index < len(DEPARTMENTS) * 2:
            unit, advises = (SCHOOL, DEPARTMENTS[_office(index)]), None
        else:
            advises = classes.pop(0) if classes else None
            unit = advises[:2] if advises else (SCHOOL, rng.choice(list(COLLEGES)))
        yield Human(Person.Kind.STAFF, name, number, unit, contacts, suppressed, advises=advises)


def _office(index: int) -> int:
    """Two each for the first six, then in turn."""
    return index // 2 if index < len(DEPARTMENTS) * 2 else index // 4 % len(DEPARTMENTS)


def guardians_of(pupil: Human, numbers: Numbers) -> Iterator[Human]:
    rng = random.Random(f"{SEED}:guardian:{pupil.number}")
    if rng.random() >= HAS_GUARDIAN:
        return
    for index in range(1 + (rng.random() < HAS_SECOND_GUARDIAN)):
        name = names.name(rng, surname="" if index else names.surname_of(pupil.name))
        local = f"parent{index + 1}.{pupil.number}"
        contacts, suppressed = reach(rng, local, "mail.example", numbers, devices=False)
        yield Human(Person.Kind.GUARDIAN, name, None, None, contacts, suppressed, guards=pupil.number)


def reach(
    rng: random.Random, local: str, domain: str, numbers: Numbers, *, devices: bool = True
) -> tuple[tuple[Contact, ...], tuple[tuple[Contact, Suppression.Reason], ...]]:
    """How somebody can be reached, and what is on the suppression list; some lack an address, some have a dead one."""
    contacts = []
    if rng.random() >= NO_EMAIL:
        dead = "dead." if rng.random() < DEAD else ""
        contacts.append(Contact(ContactPoint.Kind.EMAIL, f"{dead}{local}@{domain}".lower()))
    if rng.random() >= NO_MOBILE:
        line = numbers.dead if rng.random() < DEAD else numbers.living
        contacts.append(Contact(ContactPoint.Kind.MOBILE, next(line)))
    suppressed = tuple((one, Suppression.Reason.OPTED_OUT) for one in contacts if rng.random() < OPTED_OUT)
    if devices and rng.random() < HAS_DEVICE:
        contacts.append(Contact(ContactPoint.Kind.DEVICE, f"demo-{local}-{rng.getrandbits(64):016x}".lower()))
    return tuple(contacts), suppressed


def of_plan(plan: exams.ExamPlan, *, numbers_given: int = 0) -> School:
    """The units and students that a timetable asks for, below the demo school."""
    numbers = Numbers(numbers_given)
    units = [Unit((SCHOOL,), OrgUnit.Kind.SCHOOL)]
    for group in plan.groups:
        path: Path = (SCHOOL,)
        for kind, name in group.path:
            path = (*path, name)
            units.append(Unit(path, OrgUnit.Kind(kind)))
    humans = tuple(student(one.number, unit_path(one.group), numbers, name=one.name) for one in plan.candidates)
    return School(tuple(dict.fromkeys(units)), humans)


def unit_path(group: exams.Group) -> Path:
    return (SCHOOL, *(name for _kind, name in group.path))
