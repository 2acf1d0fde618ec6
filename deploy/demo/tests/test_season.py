"""The exams of the demo school fit its rooms, its students and its calendar."""

from collections import Counter
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from deploy.demo import exams, school, season

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def candidates() -> list[exams.Candidate]:
    return season.candidates(school.make(), today=TODAY, zone=ZONE)


def test_every_student_has_one_exam_of_his_class(candidates: list[exams.Candidate]) -> None:
    students = [human for human in school.make().humans if human.kind == "student"]
    assert [one.number for one in candidates] == [student.number for student in students]
    assert all(len(one.sittings) == 1 for one in candidates)
    assert all(one.group.name == student.unit[-1] for one, student in zip(candidates, students, strict=True))


def test_every_programme_has_a_course() -> None:
    assert season.COURSES.keys() == {name for programmes in school.COLLEGES.values() for name in programmes}


def test_no_room_holds_more_than_its_seats_and_none_is_given_twice(candidates: list[exams.Candidate]) -> None:
    taken = Counter((one.exam.starts_at, one.exam.room, one.seat) for one in exams.sittings_of(candidates))
    assert set(taken.values()) == {1}
    capacity = dict(zip(range(1, len(season.CAPACITIES) + 1), season.CAPACITIES, strict=True))
    heads = Counter((starts_at, room) for starts_at, room, _seat in taken)
    assert all(count <= capacity[int(room[-2:])] for (_starts_at, room), count in heads.items())


def test_exams_are_on_weekdays_of_one_week_at_least_two_weeks_ahead(candidates: list[exams.Candidate]) -> None:
    days = {one.exam.starts_at.date() for one in exams.sittings_of(candidates)}
    assert min(days) >= TODAY + timedelta(days=14)
    assert min(days).weekday() == 0
    assert max(days) <= min(days) + timedelta(days=4)


@pytest.mark.parametrize("students", [1, 41, school.MOST_STUDENTS])
def test_a_school_of_any_size_finds_its_rooms(students: int) -> None:
    made = season.candidates(school.make(students), today=TODAY, zone=ZONE)
    assert len(made) == students
