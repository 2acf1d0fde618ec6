"""Who was owed a message, held against who got it. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Owed:
    """What the database says of one person on one channel, at the end.

    `taken`: a server has it. `given_up`: it ended otherwise, with a reason. `flagged`: it may have gone out twice.
    """

    address: str
    taken: bool
    given_up: bool = False
    flagged: bool = False


@dataclass(frozen=True, kw_only=True)
class Tally:
    """People on a channel. `lost`: no server has it, and the database does not say so. `given_up`: it says so.
    `wrong`: a server has it, and the database does not know.
    """

    owed: int
    sent: int
    lost: int
    given_up: int
    wrong: int
    twice_said: int
    twice_unsaid: int

    @property
    def twice(self) -> int:
        return self.twice_said + self.twice_unsaid

    @property
    def holds(self) -> bool:
        return not (self.lost or self.wrong or self.twice_unsaid)


def count(rows: Iterable[Owed], accepted: Iterable[str]) -> Tally:
    """`accepted`: the address of everything a server has taken, as often as it has."""
    owed = {row.address: row for row in rows}
    times = Counter(accepted)
    twice = {address for address, number in times.items() if number > 1}
    flagged = {address for address, row in owed.items() if row.flagged}
    missing = owed.keys() - times.keys()
    given_up = {address for address in missing if owed[address].given_up}
    return Tally(
        owed=len(owed),
        sent=len(times),
        lost=len(missing - given_up),
        given_up=len(given_up),
        wrong=sum(address not in owed or not owed[address].taken for address in times),
        twice_said=len(twice & flagged),
        twice_unsaid=len(twice - flagged),
    )
