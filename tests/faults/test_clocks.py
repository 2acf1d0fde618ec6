"""Clocks that tick twice, stand still, jump, or differ from each other.

A library in front of the system's clock (libfaketime) reads its offset from a file for each process, so that a clock
can be put forward and back while the process runs.
"""

import datetime
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.operation import BULK, HOUSE, Operation, running
from tests.school import School
from tests.services.plugin import stacks_key
from tests.services.stack import Stack, clock

pytestmark = pytest.mark.timeout(1200)
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
HOUR = 3600
SECONDS_LATE = """
    row = Message.objects.get(pk={message})
    print((row.published_at - row.publish_at).total_seconds())
"""
#: The instants at which Central European summer time ends and begins.
SUMMER_ENDS = datetime.datetime(2027, 10, 31, 1, tzinfo=datetime.UTC)
SUMMER_BEGINS = datetime.datetime(2027, 3, 28, 1, tzinfo=datetime.UTC)


def test_fault_21_two_beats_and_three_ticks_of_cron_after_an_outage_publish_once(school: Operation) -> None:
    school.enrol(20)
    school.beat.kill9()
    message = school.publish(publish_at=1)
    time.sleep(2)
    assert school.stack.rows(f"SELECT status FROM messaging_message WHERE id = {message}") == [("scheduled",)]
    together = threading.Barrier(4)

    def tick() -> None:
        together.wait()
        school.stack.manage("sweep")

    ticks = [threading.Thread(target=tick) for _ in range(3)]
    for thread in ticks:
        thread.start()
    together.wait()
    school.visitors += [school.stack.beat(), school.stack.beat()]
    for thread in ticks:
        thread.join()
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=20)
    assert school.taken(message) == 40
    begun = f"SELECT COUNT(*) FROM audit_entry WHERE verb = 'begin' AND object_id = '{message}'"
    assert school.stack.rows(begun) == [(1,)]


# --- clocks that are wrong --------------------------------------------------------------------------------------------
@dataclass
class Clock:
    """The clock of the processes that were given its environment. `ahead` is in seconds."""

    file: Path
    libraries: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": self.libraries,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, ahead: int) -> None:
        """Running processes notice within two seconds."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{ahead:+}s\n")
        new.rename(self.file)


@dataclass
class TimeMachine(School):
    """A school of which every process has the one clock, or a clock of its own; the database's is `clock`.

    Tests put it forward only (but for the last), as in a school's life.
    """

    ahead: int = 0

    def open(self) -> None:
        self.libraries = f"{monotonic_sleep(self.stack.folder)} {LIBRARY}"
        self.clock = self.new_clock("clock", ahead=0)
        self.stack.env.update(self.clock.environment)
        if self.stack.database:
            self.stack.database.stop()
            self.stack.database.prefix = ["env", *(f"{name}={value}" for name, value in self.clock.environment.items())]
            self.stack.database.start()
        self.connect()
        self.stack.worker(queues=HOUSE, concurrency=3)
        self.bulk = self.stack.worker(queues=BULK, concurrency=4)
        self.beat = self.stack.beat()

    def new_clock(self, name: str, *, ahead: int) -> Clock:
        new = Clock(self.stack.folder / name, self.libraries)
        new.set(ahead)
        return new

    def move(self, seconds: int) -> None:
        """Put the clock forward, or back, and wait until it shows."""
        self.ahead += seconds
        self.clock.set(self.ahead)
        self.twilio.ahead = self.ahead
        for _ in clock(20):
            if abs(self.console.run("import time\nprint(time.time())") - time.time() - self.ahead) < 5:
                return
        raise AssertionError("the clock does not move")

    def slow(self) -> None:
        """Slow enough that something happens in the middle of a message to `enrol`ed people."""
        self.smtp.latency = self.twilio.latency = 0.02

    def assert_finished(self, message: int, *, people: int) -> None:
        self.wait_until_finished(message)
        self.assert_ledger_equals_servers(message, people=people)
        assert self.states(message, "email") == {"accepted": people}


def monotonic_sleep(folder: Path) -> Path:
    source, target = Path(__file__).with_name("monotonic_sleep.c"), folder / "monotonic_sleep.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", target, source], check=True)
    return target


@pytest.fixture(scope="module")
def machine_of_this_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeMachine]:
    if LIBRARY is None:
        pytest.fail("libfaketime is missing: apt-get install faketime (./deploy/test does it for root).")
    environment = {
        "MSGCENTER_TIME_ZONE": "Europe/Berlin",
        "MSGCENTER_LEASE_SECONDS": "12",
        "MSGCENTER_RING_AGAIN_SECONDS": "2",
    }
    with running(Stack(own_database=True, environment=environment), tmp_path_factory) as (stack, servers):
        one = TimeMachine(stack, servers)
        one.open()
        yield one


@pytest.fixture
def machine(machine_of_this_module: TimeMachine, request: pytest.FixtureRequest) -> TimeMachine:
    request.node.stash[stacks_key] = [machine_of_this_module.stack]
    machine_of_this_module.smtp.latency = machine_of_this_module.twilio.latency = 0.0
    return machine_of_this_module


@pytest.mark.production
def test_fault_22_after_two_hours_without_beat_a_message_is_published_or_expires(machine: TimeMachine) -> None:
    machine.beat.kill9()
    machine.enrol(20)
    both = machine.publish(publish_at=HOUR, expires_at=1.5 * HOUR)
    machine.enrol(20)
    late = machine.publish(publish_at=HOUR)
    before = machine.accepts()
    machine.move(2 * HOUR)
    machine.beat = machine.stack.beat()
    machine.assert_finished(late, people=20)
    machine.wait_until_finished(both, status="expired")
    frozen = f"SELECT COUNT(*) FROM delivery_recipient WHERE message_id = {both}"
    assert machine.stack.rows(frozen) == [(0,)]
    assert machine.accepts() == before + 40, "one was published once, the other never"


@pytest.mark.production
@pytest.mark.parametrize("change", [SUMMER_BEGINS, SUMMER_ENDS])
def test_fault_23_a_time_in_the_hour_that_summer_time_skips_or_repeats_is_an_instant(
    machine: TimeMachine, change: datetime.datetime
) -> None:
    machine.move(round(change.timestamp() - time.time()) - machine.ahead - 4)
    machine.enrol(5)
    soon = machine.publish(publish_at=5)
    machine.enrol(5)
    in_an_hour = machine.publish(publish_at=HOUR + 5)
    machine.assert_finished(soon, people=5)
    assert 0 <= machine.console.run(SECONDS_LATE.format(message=soon)) < 60, "neither early nor an hour late"
    assert machine.stack.rows(f"SELECT status FROM messaging_message WHERE id = {in_an_hour}") == [("scheduled",)]
    before = machine.accepts()
    machine.move(HOUR)
    machine.assert_finished(in_an_hour, people=5)
    assert machine.accepts() == before + 10


@pytest.mark.production
def test_fault_23_a_worker_whose_clock_is_wrong_takes_nothing_from_another(machine: TimeMachine) -> None:
    """The lease is measured by the clock of the database."""
    if machine.stack.sqlite:
        pytest.skip("SQLite runs on one machine, which has one clock")
    # Doorbells enough for both, and nobody else to take them.
    machine.console.run("Channel.objects.filter(key__in=['email', 'sms']).update(batch_size=5)")
    machine.bulk.kill9()
    visitors = []
    for wrong in (300, -300):
        own = machine.new_clock(f"clock{wrong}", ahead=machine.ahead + wrong)
        visitors.append(machine.stack.worker(queues=HOUSE + BULK, concurrency=4, env=own.environment))
    machine.enrol(200)
    machine.slow()
    before = machine.accepts()
    message = machine.publish()
    machine.assert_finished(message, people=200)
    for visitor in visitors:
        assert "workers.deliver" in visitor.log.read_text().partition(" ready.")[2]
        visitor.kill9()
    machine.bulk = machine.stack.worker(queues=BULK, concurrency=4)
    assert machine.accepts() == before + 400
    rows = machine.deliveries(message, "email") + machine.deliveries(message, "sms")
    assert {row.maybe_duplicate for row in rows} == {0}


def assert_a_step_loses_nothing(machine: TimeMachine, step: int) -> None:
    machine.enrol(200)
    machine.slow()
    before = machine.accepts()
    message = machine.publish()
    machine.wait_for_accepts(before + 40)
    machine.move(step)
    machine.assert_finished(message, people=200)


@pytest.mark.production
def test_fault_23_a_clock_put_forward_an_hour_loses_nothing(machine: TimeMachine) -> None:
    assert_a_step_loses_nothing(machine, HOUR)


@pytest.mark.production
def test_fault_23_a_clock_put_back_an_hour_stops_no_sweep(machine: TimeMachine) -> None:
    """The last one here: it is the only one that puts the clock back."""
    assert_a_step_loses_nothing(machine, -HOUR)
