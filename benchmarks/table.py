"""The table in the terminal."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Part, Ratio, Row

WIDTH = 150
COLUMNS = ("deliveries", "deliveries/s", "CPU s per 1,000", "peak memory", "ratio", "goal", "holds")


def show(part: Part) -> None:
    # A file or a pipe has no width of its own.
    Console(width=None if sys.stdout.isatty() else WIDTH).print(of(part))
    sys.stdout.flush()


def of(part: Part) -> Table:
    table = Table(title=part.title, title_justify="left", title_style="bold")
    table.add_column("")
    for column in part.columns or COLUMNS:
        table.add_column(column, justify="left" if column == "ratio" else "right", no_wrap=True)
    for row in part.rows:
        table.add_row(row.title, *(row.cells or (*measured(row), *compared(row.ratios))))
    return table


def measured(row: Row) -> tuple[str, str, str, str]:
    if not row.rounds:
        return "", row.figure, "", ""
    deliveries = f"{row.rounds[0].deliveries:,}"
    speed = row.figure or f"{row.median('per_s'):,.0f}"
    return deliveries, speed, f"{row.median('cpu_per_1000'):.2f}", f"{row.median('memory'):,.0f} MiB"


def compared(ratios: Iterable[Ratio]) -> tuple[str, str, str]:
    """One line of each cell for each ratio."""
    ratios = list(ratios)
    return (
        "\n".join(f"{figure(ratio.value)} × {ratio.base}" for ratio in ratios),
        "\n".join(str(ratio.goal or "") for ratio in ratios),
        "\n".join(verdict(ratio) for ratio in ratios),
    )


def figure(value: float) -> str:
    """Three digits at least, so that 0.598 does not look like the goal it misses."""
    return f"{value:.3f}" if value < 2 else f"{value:.2f}"


def verdict(ratio: Ratio) -> str:
    if ratio.goal is None:
        return ""
    return "[green]yes[/green]" if ratio.goal.holds(ratio.value) else "[bold red]NO[/bold red]"
