"""The private servers of the tests do what the tests rely on."""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from apps.channels.models import Channel
from tests.services import process, stack

Start = Callable[..., stack.Stack]


def test_settings_read_nothing_of_the_developer() -> None:
    folder = os.environ["MSGCENTER_TEST_FOLDER"]
    assert str(settings.VAR).startswith(folder)
    assert os.environ["MSGCENTER_REDIS_URL"] == settings.REDIS_URL


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite is a file")
def test_sqlite_is_a_file_with_a_write_ahead_log_as_in_production() -> None:
    assert Path(connection.settings_dict["NAME"]).is_file()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)


def test_broker_is_empty_and_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


@pytest.mark.django_db(transaction=True)
def test_threads_see_the_committed_rows_of_the_test_database() -> None:
    before = ContentType.objects.count()
    ContentType.objects.create(app_label="x", model="y")
    seen: list[int] = []

    def look() -> None:
        seen.append(ContentType.objects.count())
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before + 1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_rows_of_migrations_are_there_after_a_test_that_empties_the_tables(turn: int) -> None:
    assert Channel.objects.exists(), turn


def test_stack_runs_every_process_on_its_own_database(live_stack: Start) -> None:
    one = live_stack(MSGCENTER_LEASE_SECONDS="7")
    web, worker, beat = one.web(), one.worker(queues=["periodic", "fanout"]), one.beat()
    assert one.shell("from django.conf import settings; print(settings.LEASE.seconds)") == 7
    assert one.rows("SELECT COUNT(*) FROM django_migrations")[0][0] > 20
    assert web.running
    assert beat.running
    one.kill9(worker)
    assert not worker.running
    other = live_stack()
    other.shell("ContentType.objects.all().delete()")
    assert one.rows("SELECT COUNT(*) FROM django_content_type")[0][0] > 20


def test_broker_of_a_stack_can_be_hurt(live_stack: Start) -> None:
    broker = live_stack().redis
    broker.command("SET", "key", "value")
    broker.kill9()
    assert not broker.answers()
    broker.start()
    assert broker.command("GET", "key") is None
    broker.pause()
    assert process.answers(broker.port), "the kernel still takes the connection"
    assert not broker.answers()
    broker.resume()
    assert broker.answers()


def test_own_database_survives_kill9(live_stack: Start) -> None:
    one = live_stack(own_database=True)
    if one.database is None:
        pytest.skip("SQLite has no server")
    one.shell("ContentType.objects.create(app_label='kept', model='kept')")
    one.database.kill9()
    one.database.start()
    assert one.rows("SELECT COUNT(*) FROM django_content_type WHERE app_label = 'kept'") == [(1,)]


KILLED_RUN = """
import os, time

def test_hang(live_stack):
    stack = live_stack()
    processes = [stack.web(), stack.worker(queues=["periodic"]), stack.beat()]
    pids = [p.pid for p in processes] + [stack.redis.pid]
    with open(os.environ["PIDS"] + ".new", "w") as file:
        print(*pids, file=file)
    os.rename(os.environ["PIDS"] + ".new", os.environ["PIDS"])
    time.sleep(100)
"""


def children_of(pid: int) -> set[int]:
    found = {int(word) for task in Path(f"/proc/{pid}/task").glob("*/children") for word in task.read_text().split()}
    return found | {grandchild for child in found for grandchild in children_of(child)}


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_is_left_of_a_run_killed_with_9(tmp_path: Path) -> None:
    (tmp_path / "test_hang.py").write_text(KILLED_RUN)
    pids = tmp_path / "pids"
    env = {**os.environ, "PIDS": str(pids), "PYTHONPATH": str(stack.ROOT)}
    env = {name: value for name, value in env.items() if not name.startswith("PYTEST_")}
    options = ["-c", str(stack.ROOT / "pyproject.toml"), "-p", "no:cacheprovider", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", *options]
    run = process.Process("pytest", command, log=tmp_path / "log", env=env, cwd=stack.ROOT)
    run.wait_until(pids.exists, seconds=120)
    everyone = children_of(run.pid)
    assert everyone >= {int(word) for word in pids.read_text().split()}
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    for _ in stack.clock(15):
        if not any(map(alive, everyone)):
            break
    assert not [pid for pid in everyone if alive(pid)]
    process.clear_abandoned_folders()
    assert not list(Path(tempfile.gettempdir()).glob(f"{process.PREFIX}{run.pid}-*"))
