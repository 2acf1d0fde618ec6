"""Killing at random: every kill meets a group at work, and what the providers took is counted from their own disk."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from benchmarks import sizes
from benchmarks.parts import kills
from benchmarks.providers import Providers
from tests.services import process


@dataclass
class Workers:
    """Deliver one each time somebody looks, and note at how many they were killed."""

    alive: bool = True
    accepts: int = 0
    since_start: int = 0
    killed_at: list[int] = field(default_factory=list)

    def taken(self) -> int:
        self.accepts += self.alive
        self.since_start += self.alive
        return self.accepts

    def kill(self) -> None:
        assert self.since_start > 0, "it had begun to work"
        self.killed_at.append(self.accepts)
        self.alive, self.since_start = False, 0

    def start(self) -> None:
        self.alive = True


def test_each_kill_meets_a_group_at_work_and_the_seed_decides_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "JITTER", 0.0)
    size = replace(sizes.TINY, kills=5)
    runs = []
    for seed in (1, 1, 2):
        workers = Workers()
        kills.kill_at_random(workers, workers.taken, total=200, sizes=replace(size, seed=seed))
        assert len(workers.killed_at) == 5
        assert workers.killed_at[-1] < 200
        runs.append(workers.killed_at)
    assert runs[0] == runs[1] != runs[2]


def test_what_a_provider_took_is_read_from_its_ledger(tmp_path: Path) -> None:
    with Providers(tmp_path / "providers", latency=0.0) as providers:
        assert providers.taken() == 0
        for number in range(3):
            with providers.twilio.ledger.open("a") as file:
                file.write(json.dumps({"to": f"+8613800000{number:03}"}) + "\n")
            assert providers.taken() == number + 1
        assert providers.accepted() == ["+8613800000000", "+8613800000001", "+8613800000002"]
        ports = (providers.smtp.port, providers.twilio.port)
        assert all(process.answers(port) for port in ports)
    assert not any(process.answers(port) for port in ports)
