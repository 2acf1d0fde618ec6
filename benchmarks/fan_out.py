"""Fan-out: rows a second, memory of the worker, and what the publish request costs, for a small audience and a large.

Growth is given as the ratio large : small, which a busy machine disturbs less than the figures themselves.
"""

import statistics
import time

import requests

from benchmarks import servers
from tests.services.stack import Stack

FEW = 10
WARM = 1000
REQUESTS = 15
CHANNELS = ("email", "sms", "push")
ENROL = """
    from apps.directory.models import OrgUnit
    from workers.tests import school
    for name, size in {sizes!r}.items():
        school.enrol(size, unit=OrgUnit.objects.create(name=name, kind="class"))
    user = school.root()
    user.set_password("benchmark")
    user.save()
    print(json.dumps({{unit.name: unit.pk for unit in OrgUnit.objects.all()}}))
"""


def run(*, people: int) -> dict[str, float]:
    """Keys: `rows_per_s` (three channels), `memory.*_mb` by audience, and `growth.*` as ratios large : small."""
    # Doorbells are not rung again while a queue is left standing on purpose.
    with servers.open_stack(MSGCENTER_RING_AGAIN_SECONDS="3600") as stack:
        sizes = {"few": FEW, "warm": WARM, "many": people}
        units = stack.shell(ENROL.format(sizes=sizes))
        session = log_in(stack)
        few, many = publish_seconds(session, stack, units)
        stack.redis.flushall()
        stack.manage("shell", "-c", "Message.objects.update(status='recalled')")
        _seconds, small_memory = fan_out(session, stack, units["warm"])
        seconds, large_memory = fan_out(session, stack, units["many"])
    return {
        "publish.few_ms": few * 1000,
        "publish.many_ms": many * 1000,
        "growth.publish": many / few,
        "rows": people * len(CHANNELS),
        "seconds": seconds,
        "rows_per_s": people * len(CHANNELS) / seconds,
        f"memory.{WARM}_mb": small_memory,
        f"memory.{people}_mb": large_memory,
        "growth.memory": large_memory / small_memory,
    }


def log_in(stack: Stack) -> requests.Session:
    session = requests.Session()
    session.base = f"{stack.web().url}/api/v1"
    answer = session.post(f"{session.base}/login", json={"username": "root", "password": "benchmark"})
    session.headers["Authorization"] = f"Token {answer.json()['token']}"
    return session


def publish_seconds(session: requests.Session, stack: Stack, units: dict[str, int]) -> tuple[float, float]:
    """Medians of the publish request for few and for many people, taken in turns."""
    taken: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(REQUESTS):
        for name, seconds in taken.items():
            message = write(session, units[name])
            started = time.perf_counter()
            session.post(f"{session.base}/messages/{message}/publish").raise_for_status()
            seconds.append(time.perf_counter() - started)
    return statistics.median(taken["few"]), statistics.median(taken["many"])


def fan_out(session: requests.Session, stack: Stack, unit: int) -> tuple[float, float]:
    """Seconds from publish to the last row and doorbell, and the worker's peak memory in MiB."""
    worker = stack.worker(queues=["fanout"], concurrency=2)
    message = write(session, unit)
    started = time.perf_counter()
    session.post(f"{session.base}/messages/{message}/publish").raise_for_status()
    stack.wait_for(f"SELECT status FROM messaging_message WHERE id = {message}", [("published",)], seconds=600)
    seconds = time.perf_counter() - started
    memory = servers.peak_memory(worker)
    worker.stop()
    return seconds, memory


def write(session: requests.Session, unit: int) -> int:
    draft = {
        "title": "Benchmark",
        "content": "Hello ((name))",
        "type": "notice",
        "unit": unit,
        "channels": list(CHANNELS),
        "audience": {"include": [{"unit": unit}]},
    }
    created = session.post(f"{session.base}/messages", json=draft)
    created.raise_for_status()
    return created.json()["id"]
