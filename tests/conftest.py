"""Fixtures that the whole-process tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.school import PEOPLE, School, Servers
from tests.services.stack import Stack


@pytest.fixture
def open_school(live_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Callable[..., School]]:
    """`open_school(people, **environment)`; leases and doorbells are short, so that a crash costs seconds.

    `own_database=True` as for `live_stack`.
    """
    opened: list[Servers] = []

    def start(people: int = PEOPLE, *, latency: float = 0.0, **options: str | bool) -> School:
        quick = {"MSGCENTER_LEASE_SECONDS": "4", "MSGCENTER_RING_AGAIN_SECONDS": "3"}
        stack = live_stack(**{**quick, **options})
        opened.append(Servers.start(tmp_path / f"ledgers-{len(opened)}", latency=latency))
        school = School(stack, opened[-1])
        school.connect()
        school.enrol(people)
        return school

    yield start
    for servers in opened:
        servers.stop()
