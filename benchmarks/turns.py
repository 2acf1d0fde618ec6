"""The order of measurements."""

import sys
from collections.abc import Callable, Mapping

from benchmarks.figures import Usage


def take(rows: Mapping[str, Callable[[], Usage]], *, rounds: int) -> dict[str, tuple[Usage, ...]]:
    """Every row once, then every row again: what disturbs the machine for a while disturbs all of them."""
    taken: dict[str, list[Usage]] = {name: [] for name in rows}
    for number in range(1, rounds + 1):
        for name, measure in rows.items():
            usage = measure()
            taken[name].append(usage)
            print(
                f"  {number}/{rounds} {name}: {usage.per_s:,.0f}/s in {usage.seconds:.2f} s",
                file=sys.stderr,
                flush=True,
            )
    return {name: tuple(usages) for name, usages in taken.items()}
