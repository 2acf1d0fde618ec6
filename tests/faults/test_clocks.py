"""Clocks that tick twice, stand still, jump, or differ from each other.

A library in front of the system's clock (libfaketime) reads its offset from a file for each process, so that a clock
can be put forward and back while the process runs.
"""

import datetime
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.operation import BULK, HOUSE, Operation
from tests.school import School, Servers
from tests.services.stack import Stack

pytestmark = pytest.mark.timeout(240)
Rounds = Callable[[int, int], int]
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
HOUR = 3600
#: Its clock is put forward to 10 s before Central European summer time ends (01:00 UTC), or begins.
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

    def set(self, ahead: float) -> None:
        """Running processes notice within a second."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{ahead:+.0f}s\n")
        new.rename(self.file)


class TimeMachine:
    """A school of which every process has the one clock, or a clock of its own; the database's is `clock`."""

    def __init__(self, stack: Stack, servers: Servers) -> None:
        self.school = School(stack, servers)
        self.stack = stack
        self.libraries = f"{monotonic_sleep(stack.folder)} {LIBRARY}"
        self.clock = self.new_clock("clock")

    def new_clock(self, name: str) -> Clock:
        clock = Clock(self.stack.folder / name, self.libraries)
        clock.set(0)
        return clock

    def open(self) -> None:
        self.stack.env.update(self.clock.environment)
        if self.stack.database:
            self.stack.database.stop()
            self.stack.database.prefix = ["env", *(f"{name}={value}" for name, value in self.clock.environment.items())]
            self.stack.database.start()
        self.school.connect()

    def run(self, *, beat: bool = True) -> None:
        self.stack.worker(queues=HOUSE, concurrency=3)
        self.stack.worker(queues=BULK, concurrency=4)
        if beat:
            self.stack.beat()


def monotonic_sleep(folder: Path) -> Path:
    source, target = Path(__file__).with_name("monotonic_sleep.c"), folder / "monotonic_sleep.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", target, source], check=True)
    return target


@pytest.fixture
def machine(live_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[TimeMachine]:
    if LIBRARY is None:
        pytest.fail("libfaketime is missing: apt-get install faketime (./deploy/test does it for root).")
    stack = live_stack(
        own_database=True,
        MSGCENTER_TIME_ZONE="Europe/Berlin",
        MSGCENTER_LEASE_SECONDS="12",
        MSGCENTER_RING_AGAIN_SECONDS="2",
    )
    servers = Servers.start(tmp_path / "ledgers")
    one = TimeMachine(stack, servers)
    try:
        one.open()
        yield one
    finally:
        for process in stack.processes:
            process.kill9()
        servers.stop()


def assert_finished(machine: TimeMachine, message: int, *, people: int, accepts: int) -> None:
    machine.school.wait_until_finished(message)
    machine.school.assert_ledger_equals_servers(message, people=people)
    assert machine.school.accepts() == accepts


def test_fault_22_after_two_hours_without_beat_a_message_is_published_or_expires(machine: TimeMachine) -> None:
    school = machine.school
    school.enrol(20)
    late = school.publish(publish_at=HOUR)
    both = school.publish(publish_at=HOUR, expires_at=1.5 * HOUR)
    machine.clock.set(2 * HOUR)
    time.sleep(1.5)
    machine.run()
    assert_finished(machine, late, people=20, accepts=40)
    school.wait_until_finished(both, status="expired")
    frozen = f"SELECT COUNT(*) FROM delivery_recipient WHERE message_id = {both}"
    assert machine.stack.rows(frozen) == [(0,)]
    assert school.accepts() == 40, "the one that expired was never published"


@pytest.mark.parametrize("change", [SUMMER_ENDS, SUMMER_BEGINS])
def test_fault_23_a_time_in_the_hour_that_summer_time_repeats_or_skips_is_an_instant(
    machine: TimeMachine, change: datetime.datetime
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    machine.clock.set((change - now).total_seconds() - 8)
    time.sleep(1.5)
    school = machine.school
    school.enrol(5)
    soon, in_an_hour = school.publish(publish_at=9), school.publish(publish_at=HOUR + 9)
    machine.run()
    school.wait_until_finished(soon)
    late = machine.school.console.run(
        f"row = Message.objects.get(pk={soon})\nprint((row.published_at - row.publish_at).total_seconds())"
    )
    assert 0 <= late < 5
    machine.clock.set((change - now).total_seconds() - 8 + HOUR)
    assert_finished(machine, in_an_hour, people=5, accepts=20)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_fault_23_a_clock_that_steps_an_hour_loses_nothing(machine: TimeMachine, step: int) -> None:
    school = machine.school
    school.enrol(200)
    school.smtp.latency = school.twilio.latency = 0.02
    machine.run()
    message = school.publish()
    school.wait_for_accepts(40)
    machine.clock.set(step)
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=200)
    assert school.states(message, "email") == {"accepted": 200}


def test_fault_23_a_worker_whose_clock_is_wrong_takes_nothing_from_another(machine: TimeMachine) -> None:
    """The lease is measured by the clock of the database."""
    if machine.stack.sqlite:
        pytest.skip("SQLite runs on one machine, which has one clock")
    school = machine.school
    school.enrol(200)
    school.smtp.latency = school.twilio.latency = 0.02
    for ahead in (300, -300):
        clock = machine.new_clock(f"clock{ahead}")
        clock.set(ahead)
        for queues in (HOUSE, BULK):
            machine.stack.worker(queues=queues, concurrency=3, env=clock.environment)
    machine.stack.beat()
    message = school.publish()
    assert_finished(machine, message, people=200, accepts=400)
    states = {row.maybe_duplicate for channel in ("email", "sms") for row in school.deliveries(message, channel)}
    assert states == {0}
