"""From a timetable of head counts to people: which student of which class sits where, and what he is told.

A timetable says "30 of class B230005 sit this course in that room". A class gets as many students as its rows ask for
at any one moment and in any one course; every row's seats then go to students who are free at that time and do not sit
the course already, the least loaded first.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from apps.messaging.timetable import Exam, Timetable

WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """A class and where it hangs in the tree. Names are unique only together: every college may have a 1班."""

    college: str
    programme: str
    cohort: str
    name: str

    @property
    def path(self) -> tuple[tuple[str, str], ...]:
        """(kind, name) from below the school down to the class; what the file does not say is left out."""
        units = (("college", self.college), ("programme", self.programme), ("class", self.name))
        return tuple((kind, name) for kind, name in units if name)


@dataclass(frozen=True, slots=True)
class Sitting:
    exam: Exam
    seat: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A student with at least one exam. `name` is empty where the file does not say it."""

    number: str
    name: str
    group: Group
    sittings: tuple[Sitting, ...]


@dataclass(frozen=True, slots=True)
class ExamPlan:
    groups: tuple[Group, ...]
    candidates: tuple[Candidate, ...]


def plan(timetable: Timetable) -> ExamPlan:
    """The same plan for the same file: nothing here is drawn by lot."""
    seats = seat_numbers(timetable.exams)
    by_group: dict[Group, list[Exam]] = defaultdict(list)
    by_number: dict[str, list[Exam]] = defaultdict(list)
    for exam in timetable.exams:
        if exam.student_number:
            by_number[exam.student_number].append(exam)
        else:
            by_group[group_of(exam)].append(exam)
    candidates = [_named(number, exams, seats) for number, exams in by_number.items()]
    prefixes = number_prefixes(sorted(by_group))
    for group in sorted(by_group):
        for position, sittings in enumerate(seat_class(by_group[group], seats), start=1):
            candidates.append(Candidate(f"{prefixes[group]}{position:02d}", "", group, sittings))
    return ExamPlan(tuple(sorted({candidate.group for candidate in candidates})), tuple(candidates))


def group_of(exam: Exam) -> Group:
    return Group(exam.college, exam.programme, exam.cohort, exam.class_name)


def seat_numbers(exams: Sequence[Exam]) -> dict[Exam, tuple[str, ...]]:
    """The seats of every row: 1, 2, 3 … through a room at one time, in the order of the rows."""
    taken: dict[tuple, int] = defaultdict(int)
    seats = {}
    for exam in exams:
        place = (exam.campus, exam.room, exam.starts_at)
        first = taken[place] + 1
        taken[place] += exam.heads
        numbered = tuple(str(number) for number in range(first, first + exam.heads))
        seats[exam] = (exam.seat,) if exam.seat and exam.heads == 1 else numbered
    return seats


def class_size(exams: Sequence[Exam]) -> int:
    """As many students as sit at the fullest moment, and as sit the largest course."""
    moments = (
        sum(other.heads for other in exams if other.starts_at <= exam.starts_at < other.ends_at) for exam in exams
    )
    courses: dict[str, int] = defaultdict(int)
    for exam in exams:
        courses[course_key(exam)] += exam.heads
    return max(*moments, *courses.values())


def seat_class(exams: Sequence[Exam], seats: dict[Exam, tuple[str, ...]]) -> list[tuple[Sitting, ...]]:
    """What each student of one class sits, in order of time."""
    students: list[list[Sitting]] = [[] for _ in range(class_size(exams))]
    for exam in sorted(exams, key=_in_time):
        for student, seat in zip(_choose(students, exam), seats[exam], strict=True):
            student.append(Sitting(exam, seat))
    return [tuple(student) for student in students if student]


def _choose(students: list[list[Sitting]], exam: Exam) -> list[list[Sitting]]:
    """`exam.heads` students who can sit it, the least loaded first.

    The class grows where nobody is left, which only a course with several dates can bring about.
    """
    able = sorted((student for student in students if _can_sit(student, exam)), key=len)[: exam.heads]
    while len(able) < exam.heads:
        able.append([])
        students.append(able[-1])
    return able


def _can_sit(student: Iterable[Sitting], exam: Exam) -> bool:
    """Seats are given in order of time, so an earlier sitting overlaps if it ends after this one starts."""
    return all(
        sitting.exam.ends_at <= exam.starts_at and course_key(sitting.exam) != course_key(exam) for sitting in student
    )


def course_key(exam: Exam) -> str:
    return exam.course_code or exam.course


def _in_time(exam: Exam) -> tuple:
    return exam.starts_at, exam.ends_at, course_key(exam), exam.sheet, exam.row


def _named(number: str, exams: Sequence[Exam], seats: dict[Exam, tuple[str, ...]]) -> Candidate:
    sittings = tuple(Sitting(exam, seats[exam][0]) for exam in sorted(exams, key=_in_time))
    name = next((exam.student_name for exam in exams if exam.student_name), "")
    return Candidate(number, name, group_of(exams[0]), sittings)


def number_prefixes(groups: Sequence[Group]) -> dict[Group, str]:
    """What the student numbers of a class begin with: its name, where that is a code no other begins with."""
    names = [group.name for group in groups]
    prefixes = {}
    for group in groups:
        code = group.name.isascii() and group.name.isalnum()
        alone = sum(name.startswith(group.name) for name in names) == 1
        digits = f"{group.cohort[:4]}{zlib.crc32(repr(group).encode()) % 10**8:08d}"
        prefixes[group] = group.name if code and alone else digits
    return prefixes


def lines(sittings: Iterable[Sitting]) -> str:
    """All exams of a student, one per line, as they stand in his message."""
    return "\n".join(line(sitting) for sitting in sittings)


def line(sitting: Sitting) -> str:
    exam = sitting.exam
    return f"{moment(exam)} {exam.course} {place(exam)} 座位{sitting.seat}"


def moment(exam: Exam) -> str:
    """`11月15日（周六）10:25-12:15`, in the school's own time."""
    start = exam.starts_at
    return f"{start.month}月{start.day}日（周{WEEKDAYS[start.weekday()]}）{start:%H:%M}-{exam.ends_at:%H:%M}"


def place(exam: Exam) -> str:
    return " ".join(part for part in (exam.campus, exam.room) if part)


def sittings_of(candidates: Iterable[Candidate]) -> Iterator[Sitting]:
    for candidate in candidates:
        yield from candidate.sittings
