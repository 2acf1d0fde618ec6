"""What was measured, and what it is held against. Pure: no clock, no process."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Usage:
    """One round of a row: `cpu` in seconds over all its processes, `memory` the peak of its workers in MiB."""

    deliveries: int
    seconds: float
    cpu: float
    memory: float

    @property
    def per_s(self) -> float:
        return self.deliveries / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        return self.cpu / self.deliveries * 1000


@dataclass(frozen=True)
class Goal:
    limit: float
    at_least: bool = True

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:.2f}"


GOALS: Mapping[str, Goal] = {
    "email.vs_raw": Goal(0.70),
    "email.personal_vs_raw": Goal(0.50),
    "email.vs_post_office": Goal(3),
    "email.vs_celery": Goal(12),
    "sms.vs_raw": Goal(0.85),
    "inbox.vs_raw": Goal(0.60),
    "growth.cost": Goal(1.1, at_least=False),
    "growth.memory": Goal(1.1, at_least=False),
    "growth.publish": Goal(1.2, at_least=False),
    "emergency.vs_idle": Goal(1.5, at_least=False),
}


@dataclass(frozen=True)
class Ratio:
    """`value` × `base`. Without a goal under its key it is for information."""

    key: str
    value: float
    base: str

    @property
    def goal(self) -> Goal | None:
        return GOALS.get(self.key)


@dataclass(frozen=True)
class Row:
    """`key` is the row's part of the names in the JSON; `figure` stands in for deliveries/s where that says nothing."""

    key: str
    title: str
    rounds: tuple[Usage, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    figure: str = ""
    cells: tuple[str, ...] = ()

    def median(self, name: str) -> float:
        """Of `per_s`, `cpu_per_1000`, `seconds` or `memory` over the rounds."""
        return statistics.median(getattr(usage, name) for usage in self.rounds)


@dataclass(frozen=True)
class Part:
    key: str
    title: str
    rows: tuple[Row, ...]
    #: Figures that are no row's, by the rest of their name in the JSON.
    others: Mapping[str, float] = field(default_factory=dict)
    #: Where speed is not the question: the heads of `cells` of its rows.
    columns: tuple[str, ...] = ()

    @property
    def ratios(self) -> Iterator[Ratio]:
        for row in self.rows:
            yield from row.ratios


def flat(parts: Iterable[Part]) -> dict[str, float]:
    """One level of dotted names: the ratios, then what they come from."""
    parts = list(parts)
    figures = {ratio.key: ratio.value for part in parts for ratio in part.ratios}
    for part in parts:
        for row in part.rows:
            figures |= {f"{part.key}.{row.key}.{name}": value for name, value in _absolute(row).items()}
        figures |= {f"{part.key}.{name}": value for name, value in part.others.items()}
    return {name: round(value, 4) for name, value in figures.items()}


def _absolute(row: Row) -> dict[str, float]:
    if not row.rounds:
        return {}
    medians = {name: row.median(name) for name in ("per_s", "cpu_per_1000", "memory")}
    names = {"per_s": "per_s", "cpu_per_1000": "cpu_s_per_1000", "memory": "memory_mib"}
    counts = {"deliveries": row.rounds[0].deliveries, "rounds": len(row.rounds)}
    return {names[name]: value for name, value in medians.items()} | counts


def speed_ratio(key: str, ours: Sequence[Usage], theirs: Sequence[Usage], *, base: str) -> Ratio:
    speeds = [statistics.median(usage.per_s for usage in usages) for usages in (ours, theirs)]
    return Ratio(key, speeds[0] / speeds[1], base)
