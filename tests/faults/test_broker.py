"""A broker that dies, forgets, hangs or is full: a doorbell is lost, a delivery never."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from tests.operation import BULK, Operation

pytestmark = pytest.mark.timeout(1200)
Rounds = Callable[[int, int], int]
PEOPLE = 400


@pytest.fixture
def slow(school: Operation) -> Iterator[Operation]:
    """Many small doorbells, and providers slow enough to be interrupted."""
    school.console.run("Channel.objects.filter(key='email').update(batch_size=20)")
    school.console.run("Channel.objects.filter(key='sms').update(batch_size=20)")
    school.enrol(PEOPLE)
    school.smtp.latency = school.twilio.latency = 0.005
    yield school
    school.console.run("Channel.objects.filter(key='email').update(batch_size=500)")
    school.console.run("Channel.objects.filter(key='sms').update(batch_size=100)")


def assert_everybody_once(school: Operation, message: int, *, people: int) -> None:
    school.wait_until_finished(message)
    school.assert_ledger_equals_servers(message, people=people)
    assert school.taken(message) == 2 * people, "nothing was lost or sent twice"


def test_fault_06_a_broker_killed_without_a_copy_on_disk_loses_only_time(slow: Operation) -> None:
    message = slow.publish()
    slow.wait_for_accepts(slow.accepts() + PEOPLE // 5)
    slow.stack.redis.kill9()
    assert slow.taken(message) < 2 * PEOPLE
    slow.stack.redis.start()
    assert_everybody_once(slow, message, people=PEOPLE)


def test_fault_07_a_broker_flushed_in_the_middle_loses_only_time(slow: Operation) -> None:
    message = slow.publish()
    before = slow.accepts()
    for share in (0.1, 0.4):
        slow.wait_for_accepts(before + int(2 * PEOPLE * share))
        slow.stack.redis.flushall()
    assert slow.accepts() < before + 2 * PEOPLE
    assert_everybody_once(slow, message, people=PEOPLE)


def test_fault_08_with_a_broker_that_hangs_publishing_answers_in_time(school: Operation, rounds: Rounds) -> None:
    school.enrol(20)
    school.stack.redis.pause()
    stopped_at = time.monotonic()
    try:
        started = time.monotonic()
        created = school.post("messages", school.draft())
        assert created.status_code == 201, created.text
        message = created.json()["id"]
        assert school.post(f"messages/{message}/publish").status_code == 200
        assert time.monotonic() - started < 10
        time.sleep(max(0.0, stopped_at + rounds(7, 60) - time.monotonic()))
    finally:
        school.stack.redis.resume()
    assert_everybody_once(school, message, people=20)


@contextlib.contextmanager
def full(school: Operation) -> Iterator[None]:
    """Not a key more; what the broker holds may be taken out."""
    school.stack.redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    school.stack.redis.command("CONFIG", "SET", "maxmemory", "1mb")
    try:
        yield
    finally:
        school.stack.redis.command("CONFIG", "SET", "maxmemory", "0")


def test_fault_09_with_a_full_broker_publishing_answers_and_says_that_nobody_was_rung(school: Operation) -> None:
    school.enrol(20)
    with full(school):
        created = school.post("messages", school.draft())
        assert created.status_code == 201, created.text
        message = created.json()["id"]
        assert school.post(f"messages/{message}/publish").status_code == 200
        assert "doorbell failed: workers.fan_out" in school.web.log.read_text()
    assert_everybody_once(school, message, people=20)
    assert not any(school.stack.redis.command("LLEN", lane) for lane in BULK)
