"""Every seat of a timetable is given to somebody who can take it."""

import itertools
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from apps.messaging import timetable
from apps.messaging.timetable import Exam, Timetable
from deploy.demo import exams

ZONE = ZoneInfo("Asia/Shanghai")
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
MORNING = datetime(2026, 1, 12, 8, tzinfo=ZONE)


def exam(row: int, *, course: str = "语文", heads: int = 30, after: float = 0, hours: float = 2, **fields: str) -> Exam:
    starts_at = MORNING + timedelta(hours=after)
    defaults = {
        "campus": "",
        "room": "101",
        "class_name": "B1",
        "college": "计算机学院",
        "cohort": "2024",
        "programme": "软件",
    }
    return Exam(
        row=row,
        sheet="Sheet1",
        course_code="",
        course=course,
        heads=heads,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=hours),
        **defaults | fields,
    )


def made_up() -> Timetable:
    """Classes that sit in several rooms, in halves at the same time, and in times that overlap by half an hour."""
    rows = itertools.count(2)
    made = []
    for name in ("B1", "B2", "C3"):
        made += [exam(next(rows), heads=20, class_name=name), exam(next(rows), heads=15, room="102", class_name=name)]
        made += [exam(next(rows), course="法语", heads=9, after=1.5, class_name=name)]
        made += [exam(next(rows), course="数学", heads=30, after=24, class_name=name)]
        made += [exam(next(rows), course="数学", heads=11, after=26, class_name=name)]
    return Timetable(tuple(made), ())


def timetables() -> list[Timetable]:
    """The real ones where they stand beside the checkout, and always one that was made up."""
    files = sorted(DATA.glob("*.xlsx")) if DATA.is_dir() else []
    return [made_up(), *(timetable.read(file, zone=ZONE) for file in files)]


@pytest.fixture(scope="module", params=timetables(), ids=lambda param: f"{len(param.exams)} rows")
def read_in(request: pytest.FixtureRequest) -> Timetable:
    return request.param


@pytest.fixture(scope="module")
def plan(read_in: Timetable) -> exams.ExamPlan:
    return exams.plan(read_in)


def test_every_head_of_every_row_is_somebody(read_in: Timetable, plan: exams.ExamPlan) -> None:
    seated = Counter(sitting.exam for sitting in exams.sittings_of(plan.candidates))
    assert seated == {exam: exam.heads for exam in read_in.exams}


def test_nobody_sits_two_exams_at_a_time_or_a_course_twice(plan: exams.ExamPlan) -> None:
    for candidate in plan.candidates:
        sat = [sitting.exam for sitting in candidate.sittings]
        assert all(before.ends_at <= after.starts_at for before, after in itertools.pairwise(sat)), candidate.number
        courses = [exams.course_key(exam) for exam in sat]
        assert len(courses) == len(set(courses)), candidate.number


def test_nobody_sits_with_another_class(plan: exams.ExamPlan) -> None:
    assert all(
        exams.group_of(sitting.exam) == candidate.group
        for candidate in plan.candidates
        for sitting in candidate.sittings
    )


def test_no_seat_is_given_twice_and_none_is_left_out(plan: exams.ExamPlan) -> None:
    rooms = defaultdict(list)
    for sitting in exams.sittings_of(plan.candidates):
        rooms[sitting.exam.campus, sitting.exam.room, sitting.exam.starts_at].append(int(sitting.seat))
    assert all(sorted(seats) == list(range(1, len(seats) + 1)) for seats in rooms.values())


def test_numbers_are_unique_and_everybody_has_an_exam(plan: exams.ExamPlan) -> None:
    assert len({candidate.number for candidate in plan.candidates}) == len(plan.candidates)
    assert all(candidate.sittings for candidate in plan.candidates)


def test_the_same_timetable_gives_the_same_plan(read_in: Timetable, plan: exams.ExamPlan) -> None:
    assert exams.plan(read_in) == plan


def test_a_class_is_as_large_as_its_fullest_moment() -> None:
    at_once = [exam(2, heads=20), exam(3, course="法语", heads=15, after=1), exam(4, course="数学", heads=30, after=9)]
    assert len(exams.plan(Timetable(tuple(at_once), ())).candidates) == 35


def test_a_course_with_two_dates_is_sat_once_by_each() -> None:
    twice = (exam(2, heads=20), exam(3, heads=15, after=24))
    assert len(exams.plan(Timetable(twice, ())).candidates) == 35


def test_the_first_classes_of_two_colleges_are_two_classes() -> None:
    rows = (exam(2, class_name="1班"), exam(3, class_name="1班", college="经管学院", room="102"))
    made = exams.plan(Timetable(rows, ()))
    assert len(made.groups) == 2
    assert len({candidate.number for candidate in made.candidates}) == 60


def test_a_class_name_that_another_begins_with_makes_no_numbers() -> None:
    rows = (exam(2, class_name="B23", heads=150), exam(3, class_name="B231", room="102"))
    made = exams.plan(Timetable(rows, ()))
    assert len({candidate.number for candidate in made.candidates}) == 180


def test_named_candidates_keep_number_name_and_seat() -> None:
    fields = {"student_number": "2024010101", "student_name": "王芳", "seat": "7"}
    (candidate,) = exams.plan(
        Timetable((exam(2, heads=1, **fields), exam(3, heads=1, after=-24, **fields)), ())
    ).candidates
    assert (candidate.number, candidate.name) == ("2024010101", "王芳")
    assert [(sitting.exam.row, sitting.seat) for sitting in candidate.sittings] == [(3, "7"), (2, "7")]


def test_the_lines_of_a_message_say_when_what_where_and_which_seat() -> None:
    (candidate, *_others) = exams.plan(Timetable((exam(2, campus="仙林", room="教2－209"),), ())).candidates
    assert exams.lines(candidate.sittings) == "1月12日（周一）08:00-10:00 语文 仙林 教2－209 座位1"
