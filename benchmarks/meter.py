"""What processes use, with all their children: CPU seconds, and the peak of their memory."""

import contextlib
import threading
from collections.abc import Iterable, Iterator

import psutil

#: Seconds between two looks at the memory. Each reads the whole process table.
STEP = 0.5
MIB = 2**20


class Meter:
    """`workers` are the processes whose memory counts; `servers` (database, broker) count for CPU only.

    Memory is the proportional share (PSS): what forked processes have in common counts once.
    """

    def __init__(self, *, workers: Iterable[int], servers: Iterable[int] = ()) -> None:
        self.workers = [psutil.Process(pid) for pid in workers]
        self.all = [*self.workers, *(psutil.Process(pid) for pid in servers)]
        self.peak = 0.0
        self.cpu = 0.0
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Meter":
        self.cpu = -cpu(self.all)
        self._watcher.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.cpu += cpu(self.all)
        self._stop.set()
        self._watcher.join()
        self.peak = max(self.peak, memory(self.workers))

    def _watch(self) -> None:
        while not self._stop.wait(STEP):
            self.peak = max(self.peak, memory(self.workers))


def cpu(roots: Iterable[psutil.Process]) -> float:
    """Of the living, and through their parents of those that have ended."""
    total = 0.0
    for one in family(roots):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(one.cpu_times()[:4])
    return total


def memory(roots: Iterable[psutil.Process]) -> float:
    total = 0
    for one in family(roots):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += one.memory_full_info().pss
    return total / MIB


def family(roots: Iterable[psutil.Process]) -> Iterator[psutil.Process]:
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from [root, *root.children(recursive=True)]


def peak_resident(pids: Iterable[int]) -> float:
    """The most each of them has held since it began (VmHWM, proc(5)), summed up, in MiB."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        total += int(line.split()[1])
    return total / 1024
