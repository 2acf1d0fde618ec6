"""What results say about the account they came through, and how long it is then left alone: pure, no database."""

import itertools
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import Enum, auto

from apps.channels.providers.base import TROUBLE, TROUBLES_IN_A_ROW, Deferred, Refused, Result, Throttled, Unknown
from apps.channels.providers.reasons import REASONS

FIRST_REST, LONGEST_REST, SHORTEST_REST = 5.0, 300.0, 1.0
FIRST_QUESTION, LONGEST_QUESTION = 30.0, 600.0
#: How long an account rests that asks us to slow down without saying for how long, and the most it may ask for.
THROTTLE_REST, LONGEST_THROTTLE = 5.0, 3600.0


class Says(Enum):
    """What a result says about the account."""

    NOTHING = auto()
    WELL = auto()
    TROUBLE = auto()
    SLOW_DOWN = auto()
    REFUSED = auto()


def says(result: Result) -> Says:
    """What was not asked of the provider says nothing; whatever else it answered shows that it works."""
    if getattr(result, "untried", False) or (isinstance(result, Refused) and not result.detail):
        return Says.NOTHING
    match result:
        case Throttled():
            return Says.SLOW_DOWN
        case Deferred(code="account_refused"):
            return Says.REFUSED
        case Unknown():
            return Says.TROUBLE
        case Deferred() if result.code in TROUBLE:
            return Says.TROUBLE
    return Says.WELL


def at_end(results: Sequence[Result]) -> tuple[Says, list[Result]]:
    """What the last results say that say anything, and these results, in order."""
    telling = [(what, one) for one in results if (what := says(one)) is not Says.NOTHING]
    if not telling:
        return Says.NOTHING, []
    last = telling[-1][0]
    end = itertools.takewhile(lambda pair: pair[0] is last, reversed(telling))
    return last, [one for _what, one in end][::-1]


def weight(troubles: Sequence[Result]) -> int:
    """How many troubles in a row these count for: who cannot be reached at all is in trouble at once."""
    return sum(TROUBLES_IN_A_ROW if _unreachable(one) else 1 for one in troubles)


def _unreachable(result: Result) -> bool:
    return isinstance(result, Deferred) and result.code == "provider_unreachable"


def rest(outages: int, *, chance: Callable[[], float] = random.random) -> timedelta:
    """How long to leave an account alone after so many outages in a row (1, 2 …): full jitter, a second at least."""
    return timedelta(seconds=max(SHORTEST_REST, chance() * _doubled(FIRST_REST, outages, LONGEST_REST)))


def question(outages: int) -> timedelta:
    """When to ask a refused account again."""
    return timedelta(seconds=_doubled(FIRST_QUESTION, outages, LONGEST_QUESTION))


def _doubled(first: float, times: int, longest: float) -> float:
    return min(longest, first * 2 ** min(times - 1, 20))


def asked_rest(throttled: Sequence[Throttled]) -> timedelta:
    """The longest rest that was asked for."""
    asked = max(THROTTLE_REST if one.retry_after is None else one.retry_after for one in throttled)
    return timedelta(seconds=min(LONGEST_THROTTLE, max(SHORTEST_REST, asked)))


def words(result: Result) -> str:
    said = f" ({result.detail[:100]})" if result.detail else ""
    return f"{REASONS.get(result.code, result.code)}{said}"
