"""The worker processes of msgcenter in each part: how many, for which lanes, with how many threads, how urgent."""

from dataclasses import dataclass

from workers.queues import CHANNEL_LANES, FIXED_LANES, LANES


@dataclass(frozen=True, kw_only=True)
class Pool:
    """`threads` are those of each process. Bulk pools run at a lower CPU priority (`nice`) than urgent ones."""

    name: str
    lanes: tuple[str, ...]
    processes: int = 1
    threads: int
    nice: int = 0


URGENT_LANES = tuple(lane for lane in CHANNEL_LANES if lane.endswith(".urgent"))
BULK_LANES = tuple(lane for lane in CHANNEL_LANES if lane.endswith(".bulk"))

#: Two worker processes for everything. Mail is work for the processor, so more threads only get into each other's way;
#: an SMS is mostly waiting for the provider.
EMAIL = (Pool(name="all", lanes=LANES, processes=2, threads=2),)
SMS = (Pool(name="all", lanes=LANES, processes=2, threads=16),)
INBOX = EMAIL
GROWTH = EMAIL
#: An urgent message has its own processes; the bulk gives way.
EMERGENCY = (
    Pool(name="house", lanes=FIXED_LANES, threads=4),
    Pool(name="bulk", lanes=BULK_LANES, processes=2, threads=2, nice=10),
    Pool(name="urgent", lanes=URGENT_LANES, threads=16),
)
