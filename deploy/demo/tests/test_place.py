"""One trial at a time in one place, and `--fresh` removes what trials made and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.place import InUse, Place

HOLDER = """
import sys, time
from pathlib import Path
from deploy.demo.place import Place
lock = Place(Path(sys.argv[1])).lock()
print("locked", flush=True)
time.sleep(60)
"""


def test_a_second_trial_is_told_which_process_runs_until_it_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(InUse, match=str(holder.pid)):
            Place(tmp_path).lock()
        holder.kill()
    Place(tmp_path).lock().close()


def test_what_is_written_can_be_read_by_us_alone(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write("logins", {"教务处": "secret"})
    assert place.read("logins") == {"教务处": "secret"}
    assert (place.trial / "logins.json").stat().st_mode & 0o777 == 0o600
    assert place.read("nothing") == {}


def test_clearing_leaves_the_keys_of_the_installation(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write("state", {})
    place.logs.mkdir()
    for name in ("msgcenter.sqlite3", "msgcenter.sqlite3-wal", "msgcenter.env"):
        (tmp_path / name).touch()
    place.clear()
    assert [file.name for file in tmp_path.iterdir()] == ["msgcenter.env"]


def test_clearing_leaves_a_database_that_no_trial_has_used(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.database.touch()
    place.clear()
    assert place.database.exists()
