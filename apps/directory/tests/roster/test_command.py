"""`manage.py import_roster`."""

from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from django.core.management import CommandError, call_command

from apps.audit.models import Entry
from apps.directory.models import Person, RosterImport
from apps.directory.roster import known, work
from apps.directory.tests.factories import a_person
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "名单.csv"
    path.write_bytes(text(HEADER[:3], ("1001", "张伟", "软件2401"), ("1002", "王芳", "没有的班")))
    return path


def run(file: Path, *options: str) -> str:
    output = StringIO()
    call_command("import_roster", str(file), *options, stdout=output)
    return output.getvalue()


def test_a_dry_run_shows_the_diff_and_writes_nothing(file: Path, school: School) -> None:
    shown = run(file, "--dry-run")
    assert all(word in shown for word in ("名单.csv", "没有的班", "1002"))
    assert not Person.objects.exists()
    assert RosterImport.objects.get().state == "discarded"


def test_yes_applies_it(file: Path, school: School) -> None:
    run(file, "--yes")
    assert Person.objects.get().number == "1001"
    roster = RosterImport.objects.get()
    assert (roster.state, roster.applied_by) == ("applied", None)


def test_without_a_terminal_and_without_yes_nothing_is_applied(file: Path, school: School) -> None:
    with pytest.raises(CommandError):
        run(file)
    assert not Person.objects.exists()


def test_yes_is_no_answer_to_many_leavers(file: Path, school: School) -> None:
    a_person(school.room, number="1009")
    with pytest.raises(CommandError, match="--let-leave"):
        run(file, "--yes")
    run(file, "--yes", "--let-leave")
    assert Person.objects.get(number="1009").state == "left"
    a_person(school.room, number="1010")
    run(file, "--yes", "--partial")
    assert Person.objects.get(number="1010").state == "active"


def test_columns_units_and_classes_as_told(tmp_path: Path, school: School) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes(text(("证号", "姓名", "班级"), ("1001", "张伟", "新班")))
    with pytest.raises(CommandError, match="学号"):
        run(path, "--yes")
    run(path, "--yes", "--map", "证号=student_number", "--unit", "机电学院", "--create-units")
    assert Person.objects.get().units.get().parent == school.other


@pytest.mark.parametrize("options", [["--map", "a=b"], ["--unit", "none"], ["--map", "a"]])
def test_what_cannot_be_is_said(options: list[str], file: Path, school: School) -> None:
    with pytest.raises(CommandError):
        run(file, "--yes", *options)


def test_a_file_that_is_not_there_is_said(tmp_path: Path, school: School) -> None:
    with pytest.raises(CommandError):
        run(tmp_path / "none.csv", "--yes")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("place", [(work, "forget_file"), (work, "_claim"), (known, "by_number")])
def test_broken_off_nothing_is_left_for_a_worker(
    error: type[BaseException],
    place: tuple[ModuleType, str],
    file: Path,
    school: School,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = getattr(*place)

    def break_off(*args: object, **named: object) -> object:
        if RosterImport.objects.filter(state="applying").exists() or place[0] is known:
            raise error
        return original(*args, **named)

    monkeypatch.setattr(*place, break_off)
    with pytest.raises(error):
        run(file, "--yes")
    roster = RosterImport.objects.get()
    assert (roster.state, roster.due_at, roster.parts.count(), Person.objects.count()) == ("discarded", None, 0, 0)


def test_what_a_worker_has_taken_up_meanwhile_is_left_to_it(
    file: Path, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_args: object) -> None:
        RosterImport.objects.update(tries=2, lease="the worker's")
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "_write", break_off)
    with pytest.raises(KeyboardInterrupt):
        run(file, "--yes")
    assert RosterImport.objects.get().state == "applying"


def test_the_audit_log_names_the_user_of_the_operating_system(
    file: Path, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "zhou")
    run(file, "--yes")
    told = {entry.verb: entry.details.get("operator") for entry in Entry.objects.filter(object_name="名单.csv")}
    assert told == {"upload": "zhou", "apply": "zhou", "import": "zhou"}
