"""A database that dies, blocks, takes no more, or is one file for everybody."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import MySQLdb
import pytest

from tests.operation import BULK, HOUSE, Operation, running
from tests.school import School
from tests.servers.proxy import Proxy
from tests.services.mariadb_server import MariaDBServer
from tests.services.plugin import stacks_key
from tests.services.process import Process
from tests.services.stack import Stack, clock

pytestmark = pytest.mark.timeout(1200)
Rounds = Callable[[int, int], int]
on_mariadb = pytest.mark.skipif("os.environ['MSGCENTER_DB'] == 'sqlite'", reason="SQLite has no server")
on_sqlite = pytest.mark.skipif("os.environ['MSGCENTER_DB'] != 'sqlite'", reason="MariaDB has no file to be locked")
#: Seconds after which a statement gives up waiting for a lock (settings.py).
LOCK_WAIT = 10
PEOPLE = 300


# --- a server of one's own --------------------------------------------------------------------------------------------
@dataclass
class Hurt(School):
    """A school whose database server may be hurt. Its workers reach it over `line`, as a user without privileges."""

    def open(self, line: Proxy) -> None:
        self.line = line
        self.database = self.stack.database
        self.database.execute("CREATE USER app@localhost")
        self.database.execute(f"GRANT ALL ON `{self.stack.name}`.* TO app@localhost")
        self.connect(total_timeout_ms=1500)
        far = {"MSGCENTER_DB_SOCKET": "", "MSGCENTER_DB_HOST": "127.0.0.1", "MSGCENTER_DB_PORT": str(line.port)}
        self.stack.env.update({"MSGCENTER_DB_USER": "app", **far})
        self.children: list[Process] = []
        self.start()

    def start(self) -> None:
        """Everything anew."""
        for child in self.children:
            child.kill9()
        house = self.stack.worker(queues=HOUSE, concurrency=3)
        self.children = [house, self.stack.worker(queues=BULK, concurrency=4), self.stack.beat()]

    def assert_delivered(self, message: int, *, people: int = PEOPLE) -> None:
        self.wait_until_finished(message, seconds=60)
        self.assert_ledger_equals_servers(message, people=people)
        assert self.states(message, "email") == {"accepted": people}
        assert self.failures(message, "sms").keys() <= {"unconfirmed"}
        assert [child.name for child in self.children if not child.running] == [], "nobody had to be started again"


@pytest.fixture(scope="module")
def hurt_of_this_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hurt]:
    quick = {"MSGCENTER_LEASE_SECONDS": "4", "MSGCENTER_RING_AGAIN_SECONDS": "2"}
    with (
        running(Stack(own_database=True, environment=quick), tmp_path_factory) as (stack, servers),
        Proxy(str(stack.database.socket)) as line,
    ):
        one = Hurt(stack, servers)
        one.open(line)
        yield one


@pytest.fixture
def hurt(hurt_of_this_module: Hurt, request: pytest.FixtureRequest) -> Hurt:
    request.node.stash[stacks_key] = [hurt_of_this_module.stack]
    hurt_of_this_module.smtp.latency = hurt_of_this_module.twilio.latency = 0.01
    return hurt_of_this_module


@on_mariadb
def test_fault_10_a_database_killed_under_load_leaves_nothing_half_done(hurt: Hurt, rounds: Rounds) -> None:
    hurt.enrol(PEOPLE)
    before = hurt.accepts()
    message = hurt.publish()
    for kill in range(rounds(1, 5)):
        hurt.wait_for_accepts(before + 30 + 80 * kill)
        hurt.database.kill9()
        time.sleep(0.5)
        hurt.database.start()
    assert hurt.accepts() < before + 2 * PEOPLE
    hurt.assert_delivered(message)


@on_mariadb
def test_fault_10_a_lost_answer_to_a_commit_is_not_taken_for_a_lost_commit(hurt: Hurt, rounds: Rounds) -> None:
    hurt.enrol(PEOPLE)
    before, resets = hurt.accepts(), hurt.line.resets
    message = hurt.publish()
    for cut in range(1, rounds(4, 20) + 1):
        hurt.wait_for_accepts(before + 25 * cut)
        hurt.line.spoil(cut_answer_after=0)
        for _ in clock(10, step=0.005):
            if hurt.line.resets >= resets + cut:
                break
        hurt.line.heal()
    assert hurt.line.resets >= resets + rounds(4, 20)
    hurt.assert_delivered(message)


def begun(school: School, message: int) -> set[str]:
    """The addresses of whom the database knows that a provider may have been called."""
    return {
        row.address
        for channel in ("email", "sms")
        for row in school.deliveries(message, channel)
        if row.status not in ("waiting", "queued", "claimed") or row.attempt
    }


def assert_nothing_unsaid(school: School, message: int) -> None:
    """I3: no provider was called for whom no `sending` was committed."""
    mine = {row.address for channel in ("email", "sms") for row in school.deliveries(message, channel)}
    taken = {entry["to"] for entries in school.servers.accepted().values() for entry in entries}
    assert taken & mine <= begun(school, message)


@on_mariadb
def test_fault_12_while_the_database_is_read_only_no_provider_is_called(hurt: Hurt, rounds: Rounds) -> None:
    hurt.enrol(PEOPLE)
    before = hurt.accepts()
    message = hurt.publish()
    hurt.wait_for_accepts(before + 100)
    hurt.database.execute("SET GLOBAL read_only = 1")
    known = begun(hurt, message)
    time.sleep(rounds(4, 60))
    assert_nothing_unsaid(hurt, message)
    assert begun(hurt, message) == known, "it is read-only"
    assert hurt.accepts() < before + 2 * PEOPLE
    hurt.database.execute("SET GLOBAL read_only = 0")
    hurt.assert_delivered(message)


@on_mariadb
def test_fault_10_idle_workers_find_their_way_back_to_a_database_that_was_restarted(hurt: Hurt) -> None:
    hurt.enrol(5)
    hurt.database.kill9()
    hurt.database.start()
    message = hurt.publish()
    # Ten times as long as until a doorbell is rung again.
    hurt.wait_until_finished(message, seconds=20)
    hurt.assert_delivered(message, people=5)


#: In a mount namespace of its own, which ends with the server: nothing is left to be unmounted.
SMALL_DISK = """
    mv {data} {data}.kept && mkdir {data} && mount -t tmpfs -o size=400m tmpfs {data} &&
    cp -a {data}.kept/. {data} && exec "$@"
"""


def small_disk(server: MariaDBServer) -> list[str]:
    """What moves the server to a disk that can be filled. Skips the test where that is not permitted."""
    namespace = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    trial = subprocess.run([*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"no file system may be mounted here, so no disk can be filled: {trial.stderr.strip()}")
    return [*namespace, "sh", "-c", SMALL_DISK.format(data=server.data), "sh"]


@contextlib.contextmanager
def full_disk(server: MariaDBServer) -> Iterator[None]:
    """Not a byte is left on the disk that the server sees."""
    ballast = Path(f"/proc/{server.process.pid}/root{server.data}/ballast")
    # Without a buffer: what is left in one would fail once more when the file is closed.
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 2**16)
    try:
        assert shutil.disk_usage(ballast.parent).free == 0
        yield
    finally:
        ballast.unlink()


@on_mariadb
def test_fault_12_with_a_full_disk_nothing_is_sent_that_is_not_written(hurt: Hurt) -> None:
    on_small_disk = small_disk(hurt.database)
    hurt.enrol(1500)
    hurt.smtp.latency = hurt.twilio.latency = 0.0
    hurt.database.stop()
    hurt.database.prefix = on_small_disk
    hurt.database.start()
    hurt.start()
    with full_disk(hurt.database):
        message = hurt.publish()
        time.sleep(4)
        assert_nothing_unsaid(hurt, message)
        (frozen,) = hurt.stack.rows(f"SELECT COUNT(*) FROM delivery_recipient WHERE message_id = {message}")
        assert frozen[0] == 0, "the disk was full for the fan-out"
    hurt.assert_delivered(message, people=1500)


# --- locks ------------------------------------------------------------------------------------------------------------
#: Of all who wait on this server, which other tests use as well.
WAIT_FOR_US = """
    SELECT COUNT(*) FROM information_schema.innodb_lock_waits w
    JOIN information_schema.innodb_trx t ON t.trx_id = w.blocking_trx_id
    WHERE t.trx_mysql_thread_id = CONNECTION_ID()
"""


class Session:
    """A second session on the database of a stack, in a transaction until it is closed."""

    def __init__(self, stack: Stack) -> None:
        self.connection = MySQLdb.connect(
            unix_socket=str(stack.database.socket), user=stack.database.user, database=stack.name, autocommit=False
        )

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_details: object) -> None:
        self.connection.rollback()
        self.connection.close()

    def execute(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def others_wait(self) -> bool:
        """Not to be asked all the time: the table is made anew only when nobody has read it for 0.1 s."""
        with self.connection.cursor() as cursor:
            cursor.execute(WAIT_FOR_US)
            return cursor.fetchone()[0] > 0

    def wait_for_others(self) -> None:
        for _ in clock(30, step=0.2):
            if self.others_wait():
                return
        raise AssertionError("nobody waits for the lock")


ALL_ROWS = "SELECT id FROM delivery_delivery WHERE id {comparison} {row} ORDER BY id FOR UPDATE"


def ready(school: Operation) -> tuple[int, list[int]]:
    """A message whose deliveries are queued on a lane where nobody stands, and their ids."""
    school.enrol(20)
    message = school.publish(channels=["sms"], urgency="urgent")
    school.wait_for_state(message, "queued", count=20)
    ids = school.stack.rows(
        "SELECT d.id FROM delivery_delivery d JOIN messaging_messagechannel mc ON mc.id = d.message_channel_id"
        f" WHERE mc.message_id = {message} ORDER BY d.id"
    )
    return message, [pk for (pk,) in ids]


def assert_each_once(school: Operation, message: int) -> None:
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=20, channels=["sms"])
    assert school.states(message, "sms") == {"accepted": 20}
    assert {row.attempt for row in school.deliveries(message, "sms")} == {1}


@on_mariadb
def test_fault_11_a_lock_held_longer_than_anybody_waits_costs_only_time(school: Operation, rounds: Rounds) -> None:
    message, ids = ready(school)
    with Session(school.stack) as session:
        session.execute(ALL_ROWS.format(comparison=">=", row=ids[0]))
        visitor = school.visitor(lease=12)
        session.wait_for_others()
        # In full, until all three runs of the transaction have given up.
        time.sleep(rounds(LOCK_WAIT + 1, 3 * LOCK_WAIT + 3))
        assert school.count(message, "queued") == 20, "nothing half done"
        assert school.taken(message) == 0
    assert "is run again" in visitor.log.read_text()
    assert_each_once(school, message)


@on_mariadb
def test_fault_11_the_victim_of_a_deadlock_runs_its_transaction_again(school: Operation) -> None:
    with school.large_batches("sms", window=20):
        message, ids = ready(school)
    logged = len(school.house.log.read_text())
    with Session(school.stack) as session:
        # The database gives up whoever has written less: that is not to be this one.
        session.execute("UPDATE directory_person SET name = CONCAT(name, 'x')")
        session.execute("UPDATE directory_contactpoint SET value = CONCAT(value, 'x')")
        session.execute(f"UPDATE delivery_delivery SET updated_at = NOW() WHERE id = {ids[-1]}")
        visitor = school.visitor(lease=12)
        session.wait_for_others()
        session.execute(f"UPDATE delivery_delivery SET updated_at = NOW() WHERE id = {ids[0]}")
        assert school.taken(message) == 0
    assert_each_once(school, message)
    # Whoever came first: the claim, or the sweep that rings again.
    assert re.search(r"is run again: \(1213", visitor.log.read_text() + school.house.log.read_text()[logged:])


# --- one file ---------------------------------------------------------------------------------------------------------
@on_sqlite
def test_fault_31_four_writers_and_a_long_reader_cost_a_person_no_more_than_time(
    school: Operation, rounds: Rounds
) -> None:
    people = rounds(600, 5000)
    school.enrol(people)
    for _ in range(3):
        school.visitor(queues=BULK, concurrency=4, lease=12)
    logged = len(school.web.log.read_text())
    with sqlite3.connect(school.stack.env["MSGCENTER_DB_NAME"], isolation_level=None) as reader:
        reader.execute("BEGIN")
        cursor = reader.execute("SELECT * FROM directory_contactpoint, directory_person")
        assert cursor.fetchone()
        message = school.publish()
        waits = [patience(school) for _ in range(rounds(10, 100))]
        school.wait_until_finished(message, seconds=90)
        assert cursor.fetchone(), "it was reading all the time"
        cursor.close()
        reader.execute("ROLLBACK")
    reader.close()
    assert max(waits) < 20
    assert "database is locked" not in school.web.log.read_text()[logged:]
    school.assert_ledger_equals_servers(message, people=people)


def patience(school: Operation) -> float:
    """Seconds that writing, publishing and recalling a message take a person."""
    started = time.monotonic()
    created = school.post("messages", school.draft(channels=["inbox"]))
    assert created.status_code == 201, created.text
    published = school.post(f"messages/{created.json()['id']}/publish")
    assert published.status_code == 200, published.text
    return time.monotonic() - started
