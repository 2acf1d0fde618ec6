"""Jobs are rung into a list here and run on purpose."""

from collections.abc import Iterator

import pytest
from celery import current_app

from apps.core import alerts, installation, jobs
from workers import breaker, dispatch, fanout, pace

Rung = tuple[str, tuple[int, ...], str]


class Bell:
    """What has been rung: `rung` holds (job, args, lane)."""

    def __init__(self) -> None:
        self.rung: list[Rung] = []

    def ring(self, job: str, args: tuple[int, ...], *, lane: str) -> bool:
        self.rung.append((job, tuple(args), lane))
        return True

    def run(self, job: str, args: tuple[int, ...]) -> None:
        current_app.tasks[job](*args)

    def backlog(self, lane: str) -> int:
        return sum(one[2] == lane for one in self.rung)

    def answer(self, job: str | None = None) -> int:
        """Run what has been rung (only `job`, if given) and what that rings, until it is quiet. Returns how many."""
        answered = 0
        while due := [one for one in self.rung if job in (None, one[0])]:
            for one in due:
                self.rung.remove(one)
                self.run(*one[:2])
                answered += 1
        return answered


@pytest.fixture
def _slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn of fan-out is one slice."""
    monkeypatch.setattr(fanout, "LONGEST", -1.0)


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bell]:
    current_app.loader.import_default_modules()
    bell = Bell()
    monkeypatch.setattr(jobs, "ring", bell.ring)
    monkeypatch.setattr(jobs, "backlog", bell.backlog)
    # The transaction of a test never commits, so what is done on commit is done at once.
    monkeypatch.setattr(alerts, "after_commit", lambda act: act())
    # Read anew every few seconds, it would cost some tests a query and others none; tests/faults/test_clone.py asks it.
    monkeypatch.setattr(installation, "is_ours", lambda: True)
    monkeypatch.setattr(jobs, "enqueue", lambda job, *args, lane: bell.ring(job, args, lane=lane))
    return bell


@pytest.fixture(autouse=True)
def fresh_accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests change rows behind the back of the process, and their ids come again."""
    breaker.forget()
    pace.forget()
    dispatch.still_wanted.cache_clear()
    monkeypatch.setattr(breaker, "SEEN_FOR", 0.0)
    yield
    breaker.forget()
