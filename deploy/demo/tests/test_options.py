"""What `./deploy/trial` understands."""

from pathlib import Path

import pytest

from deploy.demo import options, school


def test_nothing_given_is_the_whole_demo_school() -> None:
    assert options.parse([]) == options.Options(people=school.STUDENTS)


def test_every_option_is_read(tmp_path: Path) -> None:
    file = tmp_path / "exams.xlsx"
    file.touch()
    given = options.parse(
        ["--exams", str(file), "--once", "--json", "--fresh", "--people", "200", "--port", "9000", "--timeout", "0.5"]
    )
    assert given == options.Options(exams=file, once=True, json=True, fresh=True, people=200, port=9000, timeout=0.5)


@pytest.mark.parametrize(
    "arguments", [["--exams", "no-such.xlsx"], ["--people", "0"], ["--people", "5941"], ["--port", "70000"], ["--what"]]
)
def test_what_cannot_be_is_refused(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        options.parse(arguments)
    assert caught.value.code == 2
    assert "usage: deploy/trial" in capsys.readouterr().err


def test_the_most_people_are_those_the_student_numbers_have_digits_for() -> None:
    assert options.MOST_PEOPLE == school.MOST_STUDENTS


@pytest.mark.parametrize(
    ("env", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh-hans"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_CN"}, "zh-hans"),
        ({}, "en"),
    ],
)
def test_the_terminal_says_which_language(env: dict[str, str], language: str) -> None:
    assert options.language(env) == language
