"""How many deliveries go into a window: what the account, by its last window, hands over in a few seconds.

Outcomes are written at the end of a window, and the lease ends some time: at a provider that is slow, or that may be
called only so often, a long window would be out of time before its end.
"""

import math

#: Seconds a window may last.
LASTS = 3.0
#: Of an account that nobody has called yet from this process.
FIRST = 10
#: A window that took no time by the clock.
SHORTEST = 1e-6

#: Account id -> seconds for one delivery.
_seconds: dict[int, float] = {}


def window(account_id: int, *, most: int) -> int:
    fit = math.floor(LASTS / _seconds[account_id]) if account_id in _seconds else FIRST
    return max(1, min(most, fit))


def learn(account_id: int, *, tried: int, took: float) -> None:
    """`tried` deliveries of a window were handed over in `took` seconds, waiting for their turn included."""
    if tried:
        _seconds[account_id] = max(took / tried, SHORTEST)


def forget() -> None:
    _seconds.clear()
