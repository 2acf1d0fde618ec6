"""Brokers that are there, down, full or silent."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from apps.core import jobs
from tests.services import process, redis_server

Ring = Callable[[str], None]


@pytest.fixture(autouse=True)
def _no_rest_from_earlier_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_silent_until", 0.0)
    monkeypatch.setattr(jobs, "_alerted", True)


@pytest.fixture
def broker_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    """`broker_at(url)`: jobs ring there, with the project's own settings in all else."""
    apps: list[Celery] = []

    def use(url: str) -> None:
        app = Celery("elsewhere", set_as_current=False, broker=url)
        app.config_from_object("django.conf:settings", namespace="CELERY")
        app.conf.broker_url = url
        apps.append(app)
        monkeypatch.setattr(jobs, "current_app", app)

    yield use
    for app in apps:
        with contextlib.suppress(Exception):
            app.close()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[redis_server.RedisServer]:
    """A broker of this test, to be stopped, filled or paused."""
    server = redis_server.RedisServer(tmp_path / "broker").start()
    yield server
    with contextlib.suppress(AssertionError):
        server.resume()
    server.stop()


@pytest.fixture
def closed_url() -> str:
    return f"redis://127.0.0.1:{process.free_port()}/0"


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The kernel takes the connection and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
