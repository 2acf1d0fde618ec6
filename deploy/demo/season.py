"""The exams of the demo school: a course for every class, in rooms that fill up, in a week at least two weeks ahead."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from apps.directory.models import Person
from apps.messaging.timetable import Exam, Timetable
from deploy.demo import exams
from deploy.demo.school import Human, Path, School

COURSES = {
    "软件技术": "Java程序设计",
    "计算机网络技术": "路由与交换技术",
    "机电一体化技术": "电气控制与PLC",
    "数控技术": "数控加工工艺",
    "大数据与会计": "财务会计",
    "电子商务": "网店运营",
    "护理": "基础护理学",
    "药学": "药理学",
    "建筑工程技术": "建筑力学",
    "环境艺术设计": "室内设计原理",
    "新能源汽车技术": "动力电池技术",
    "旅游管理": "旅游法规",
}
SESSIONS = (time(8, 30), time(10, 45), time(14, 0), time(16, 15))
DAYS = 5
LENGTH = timedelta(minutes=100)
AHEAD = timedelta(days=14)
#: Seats of the rooms of a floor; when every room of a session is full, the next floor is opened.
CAPACITIES = (30, 45, 60, 30, 45, 60)


def candidates(made: School, *, today: date, zone: tzinfo) -> list[exams.Candidate]:
    """Every student of the school with his exam."""
    classes = by_class(made)
    timetable = timetable_of(classes, today=today, zone=zone)
    seats = exams.seat_numbers(timetable.exams)
    rows: dict[str, list[Exam]] = {}
    for exam in timetable.exams:
        rows.setdefault(exam.class_name, []).append(exam)
    return [
        exams.Candidate(student.number, student.name, exams.group_of(sittings[0].exam), sittings)
        for path, students in classes.items()
        for student, sittings in zip(students, exams.seat_class(rows[path[-1]], seats), strict=True)
    ]


def by_class(made: School) -> dict[Path, list[Human]]:
    classes: dict[Path, list[Human]] = {}
    for human in made.humans:
        if human.kind == Person.Kind.STUDENT:
            classes.setdefault(human.unit, []).append(human)
    return classes


def timetable_of(classes: dict[Path, list[Human]], *, today: date, zone: tzinfo) -> Timetable:
    sessions = list(_sessions(today, zone))
    free = {session: _rooms() for session in sessions}
    rest: dict[datetime, tuple[str, int]] = {}
    rows: list[Exam] = []
    for index, (path, students) in enumerate(classes.items()):
        session, left = sessions[index % len(sessions)], len(students)
        while left:
            room, capacity = rest.pop(session, None) or next(free[session])
            heads = min(left, capacity)
            rows.append(_exam(len(rows) + 2, path, session, room, heads))
            left -= heads
            if capacity > heads:
                rest[session] = (room, capacity - heads)
    return Timetable(tuple(rows), ())


def _sessions(today: date, zone: tzinfo) -> Iterator[datetime]:
    first = today + AHEAD
    first += timedelta(days=-first.weekday() % 7)
    for start in SESSIONS:
        for day in range(DAYS):
            yield datetime.combine(first + timedelta(days=day), start, tzinfo=zone)


def _rooms(buildings: Sequence[str] = ("教学楼A", "教学楼B", "实训楼")) -> Iterator[tuple[str, int]]:
    for floor in range(1, 1_000):
        for building in buildings:
            for number, capacity in enumerate(CAPACITIES, start=1):
                yield f"{building}{floor}{number:02d}", capacity


def _exam(row: int, path: Path, starts_at: datetime, room: str, heads: int) -> Exam:
    _school, college, programme, name = path
    return Exam(
        row=row,
        sheet="",
        campus="",
        course_code="",
        course=COURSES[programme],
        class_name=name,
        heads=heads,
        starts_at=starts_at,
        ends_at=starts_at + LENGTH,
        room=room,
        college=college,
        cohort=f"20{name.removeprefix(programme)[:2]}",
        programme=programme,
    )
