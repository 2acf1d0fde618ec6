"""`./deploy/trial` for real: every process, every delivery, and nothing left behind. Needs no database of the suite."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from deploy.demo import processes

ROOT = Path(__file__).resolve().parents[1]
PEOPLE = 200
WITHIN = 120
PROGRAMS = ("broker", "web", "beat", "worker-house", "worker-bulk-1", "worker-bulk-2", "worker-urgent")


def environment(var: Path) -> dict[str, str]:
    return {**os.environ, "MSGCENTER_VAR": str(var), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "deploy.demo", "--port", "18000", *options]


def run(var: Path, *options: str) -> tuple[int, dict, str]:
    """Exit status, the JSON of the last line, and everything above it."""
    done = subprocess.run(
        command("--once", "--json", *options),
        cwd=ROOT,
        env=environment(var),
        capture_output=True,
        text=True,
        timeout=WITHIN,
    )
    assert done.stdout, done.stderr
    *above, last = done.stdout.splitlines()
    return done.returncode, json.loads(last), "\n".join(above)


def running(var: Path) -> set[int]:
    return processes.leftovers(str(var), var / "log" / processes.RECORD)


def query(var: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(var / "msgcenter.sqlite3")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trial")


@pytest.fixture(scope="module")
def first(var: Path) -> tuple[int, dict, str]:
    return run(var, "--people", str(PEOPLE))


def test_one_command_delivers_to_everybody_and_the_ledger_adds_up(first: tuple, var: Path) -> None:
    status, result, above = first
    assert status == 0, above
    assert (result["audience"], result["complete"]) == (PEOPLE, True)
    assert result["channels"]["inbox"] == {"delivered": PEOPLE}
    assert result["channels"].keys() == {"inbox", "email", "sms"}
    for counts in result["channels"].values():
        assert sum(counts.values()) == PEOPLE
        assert counts.keys() <= {"accepted", "delivered", "failed", "suppressed"}
    assert 0 < result["seconds"] < WITHIN


def test_the_sandbox_holds_exactly_what_the_ledger_calls_accepted(first: tuple, var: Path) -> None:
    accepted = query(var, "SELECT id FROM delivery_delivery WHERE status = 'accepted'")
    sent = query(var, "SELECT delivery_id FROM channels_sandboxmessage")
    assert sorted(accepted) == sorted(sent)
    bodies = [body for (body,) in query(var, "SELECT body FROM channels_sandboxmessage")]
    assert all("座位：" in body and "((" not in body for body in bodies)


def test_nothing_runs_on_after_it_has_ended(first: tuple, var: Path) -> None:
    assert not running(var)


def test_started_again_it_sends_nothing_again_and_serves_until_ctrl_c(first: tuple, var: Path) -> None:
    with subprocess.Popen(
        command("--json"), cwd=ROOT, env=environment(var), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as trial:
        above = list(until(trial, "Ctrl-C"))
        with urllib.request.urlopen(
            next(line.split()[-1] for line in above if "The site:" in line), timeout=10
        ) as page:
            assert page.status == 200
        second = subprocess.run(command(), cwd=ROOT, env=environment(var), capture_output=True, text=True, timeout=30)
        assert (second.returncode, str(trial.pid) in second.stderr) == (1, True)
        trial.send_signal(signal.SIGINT)
        began = time.monotonic()
        rest = trial.stdout.read()
        assert trial.wait(10) == 0
    assert time.monotonic() - began < 10
    assert not running(var)
    assert json.loads(rest.splitlines()[-1]) == first[1]
    assert query(var, "SELECT COUNT(*) FROM messaging_message") == [(1,)]
    logins = json.loads((var / "trial" / "logins.json").read_text())
    assert all(password in "".join(above) and password in first[2] for password in logins.values())


def until(trial: subprocess.Popen, word: str) -> Iterator[str]:
    """Its lines, up to the first that holds the word."""
    for line in trial.stdout:
        yield line
        if word in line:
            return
    raise AssertionError(f"it never said {word!r}")


def kill(trial: subprocess.Popen, var: Path) -> None:
    """With everything running, and until nothing does."""
    assert len(running(var)) >= len(PROGRAMS)
    trial.kill()
    deadline = time.monotonic() + 10
    while running(var) and time.monotonic() < deadline:
        time.sleep(0.1)


def counts(var: Path) -> tuple[int, int]:
    """How many deliveries are with the provider, of how many that are to be; (0, 0) before there is a ledger."""
    try:
        return query(
            var,
            "SELECT COUNT(CASE WHEN d.status = 'accepted' THEN 1 END), COUNT(*) FROM delivery_delivery d"
            " JOIN messaging_messagechannel mc ON mc.id = d.message_channel_id"
            " JOIN channels_channel c ON c.id = mc.channel_id WHERE c.key <> 'inbox'",
        )[0]
    except sqlite3.OperationalError:
        return (0, 0)


def wait_until_under_way(var: Path) -> None:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if counts(var)[0]:
            return
        time.sleep(0.01)
    raise AssertionError("nothing was accepted")


def test_ended_in_the_middle_the_next_run_sends_the_rest_and_nothing_twice_and_killed_it_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    var = tmp_path / "var"
    with subprocess.Popen(
        command("--people", "600", "--json"), cwd=ROOT, env=environment(var), stdout=subprocess.PIPE, text=True
    ) as trial:
        wait_until_under_way(var)
        trial.send_signal(signal.SIGINT)
        assert trial.wait(10) == 130
    assert not running(var)
    accepted, total = counts(var)
    assert 0 < accepted < total, "it was ended in the middle"
    with subprocess.Popen(command(), cwd=ROOT, env=environment(var), stdout=subprocess.PIPE, text=True) as trial:
        above = "".join(until(trial, "The site:"))
        kill(trial, var)
    assert not running(var)
    assert "does not add up" not in above
    assert query(var, "SELECT COUNT(DISTINCT person_id) FROM delivery_recipient") == [(600,)]
    final = "'accepted', 'delivered', 'failed', 'suppressed'"
    assert query(var, f"SELECT COUNT(*) FROM delivery_delivery WHERE status NOT IN ({final})") == [(0,)]
    # A key ends with the number of its delivery and is the same at every attempt.
    keys = [key for (key,) in query(var, "SELECT key FROM channels_sandboxmessage")]
    assert len(set(keys)) == len(keys), "nothing was sent twice"
    assert {int(key.rpartition("-")[2]) for key in keys} == {
        number for (number,) in query(var, "SELECT id FROM delivery_delivery WHERE status = 'accepted'")
    }


def timetable(folder: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.append(["班级", "课程名称", "考生人数", "考试时间", "考场"])
    for row in (
        ["软件2401", "Java程序设计", 30, "2026年01月12日(08:00-10:00)", "教1-101"],
        ["软件2401", "大学英语", 20, "2026/1/13 10:25~12:15", "教1-102"],
        ["软件2401", "大学英语", 12, "2026.1.13（10:25—12:15）", "教1-103"],
        ["软件2402", "数据库", "不详", "2026年01月12日(08:00-10:00)", "教1-104"],
    ):
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    file = folder / "exams.xlsx"
    file.write_bytes(content.getvalue())
    return file


def test_a_timetable_is_published_with_all_exams_of_a_student_and_its_bad_row_is_named(tmp_path: Path) -> None:
    status, result, above = run(tmp_path / "var", "--exams", str(timetable(tmp_path)))
    assert status == 0, above
    assert result["audience"] == 32
    assert all(sum(counts.values()) == 32 for counts in result["channels"].values())
    assert "不详" in above
    (values,) = query(tmp_path / "var", 'SELECT "values" FROM delivery_recipient ORDER BY person_id LIMIT 1')[0]
    assert json.loads(values)["exams"].splitlines() == [
        "1月12日（周一）08:00-10:00 Java程序设计 教1-101 座位1",
        # Seats 1 and 2 go to the two of the class who do not sit the first exam.
        "1月13日（周二）10:25-12:15 大学英语 教1-102 座位3",
    ]


def test_a_file_that_is_no_timetable_ends_it_before_anything_is_started(tmp_path: Path) -> None:
    file = tmp_path / "exams.xlsx"
    file.write_text("班级,课程,人数")
    status, result, above = run(tmp_path / "var", "--exams", str(file))
    assert (status, result["complete"]) == (1, False)
    assert "xlsx" in result["error"]
    assert "xlsx" in above
    assert not (tmp_path / "var" / "log" / "web.log").exists()
