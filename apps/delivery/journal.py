"""What a worker hands over, written down on its own disk as it happens.

A window of deliveries is `sending` from before its first call until the commit after its last. When its worker dies in
between, the database cannot tell which of them the provider has taken. The journal can, but for the one on the line.

It is evidence and never the truth: without it the rows are unknown, as they would be anyhow. What it says holds always.
What it leaves out holds only if the writer is dead and the machine still runs: pages written through memory outlive
their process (mmap(2), MAP_SHARED), not the machine. A lock that ends with the process tells the one (flock(2)), the
boot id the other (random(4)).
"""

import contextlib
import fcntl
import functools
import logging
import mmap
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from apps.channels.providers.base import Accepted, Result, Unknown, Witness
from apps.delivery.models import Attempt

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MAX_REFERENCE = Attempt._meta.get_field("reference").max_length
#: Bytes of the head, and of the two lines of one delivery at the most.
HEAD, LINES = 64, 64 + MAX_REFERENCE
#: Seconds; longer than any lease.
KEPT_FOR = 86400


@dataclass(frozen=True, slots=True)
class Known:
    """`taken`: delivery id -> the provider's reference. `begun`: handed over, and no answer is known.

    `complete`: there was nothing else, and there will not be.
    """

    taken: dict[int, str] = field(default_factory=dict)
    begun: frozenset[int] = frozenset()
    complete: bool = False


NOTHING = Known()


class Journal(Witness):
    """That of one lease, for one thread. It stays behind when the block it is opened for does not come to its end.

    A disk that has no room costs the journal, not the message.
    """

    def __init__(self, lease: str, *, size: int) -> None:
        self.path = _path(lease)
        self.size = size
        self._pages: mmap.mmap | None = None
        self._at = 0

    def __enter__(self) -> "Journal":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("x+b")
        except OSError as error:
            log.warning("no journal: %s", error)
            return self
        try:
            self._open()
        except OSError as error:
            log.warning("no journal: %s", error)
            # What is not written must not look complete.
            self.path.unlink()
            self._file.close()
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        if self._pages is not None:
            if kind is None:
                self.path.unlink(missing_ok=True)
            self._pages.close()
            self._file.close()

    def begins(self, delivery_id: int) -> None:
        self._write(f"began {delivery_id}\n")

    def ended(self, delivery_id: int, result: Result) -> None:
        match result:
            case Accepted(reference=reference):
                self._write(f"taken {delivery_id} {reference if _fits(reference) else ''}\n")
            case Unknown():
                pass
            case _:
                self._write(f"left {delivery_id}\n")

    def _open(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        length = HEAD + LINES * self.size
        # Now, because memory without a page behind it would end the process.
        os.posix_fallocate(self._file.fileno(), 0, length)
        self._pages = mmap.mmap(self._file.fileno(), length)
        self._write(f"{_boot_id()}\n")

    def _write(self, line: str) -> None:
        if self._pages is None:
            return
        content = line.encode("ascii")
        end = self._at + len(content)
        self._pages[self._at : end] = content
        self._at = end


def read(lease: str) -> Known:
    """What is known of a lease on this machine. Harmless while it is written."""
    try:
        with _path(lease).open("rb") as file:
            # First the lock: what is read after it is all there will ever be.
            ended = _is_let_go(file.fileno())
            written = file.read().partition(b"\0")[0].decode("ascii")
        # A line that its writer did not bring to its end is none.
        head, *lines = written.split("\n")[:-1] or [""]
        entries = list(_entries(lines))
    except (OSError, ValueError):
        return NOTHING
    taken: dict[int, str] = {}
    begun: set[int] = set()
    for what, delivery_id, reference in entries:
        begun.discard(delivery_id)
        if what == "began":
            begun.add(delivery_id)
        elif what == "taken":
            taken[delivery_id] = reference
    return Known(taken, frozenset(begun), complete=ended and head == _boot_id())


def left_behind() -> Iterator[str]:
    """Leases whose worker has died on this machine."""
    for path in _folder().glob("*"):
        if read(path.name).complete:
            yield path.name


def forget(lease: str) -> None:
    """A file that cannot be deleted must not keep the leases of others from their end."""
    try:
        _path(lease).unlink(missing_ok=True)
    except OSError as error:
        log.warning("a journal stays: %s", error)


def forget_old() -> None:
    """Of leases that ended long ago, or on a machine that has been started since."""
    oldest = time.time() - KEPT_FOR
    for path in _folder().glob("*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _entries(lines: list[str]) -> Iterator[tuple[str, int, str]]:
    for line in lines:
        what, _space, rest = line.partition(" ")
        number, _space, reference = rest.partition(" ")
        yield what, int(number), reference


def _is_let_go(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _fits(reference: str) -> bool:
    return len(reference) <= MAX_REFERENCE and reference.isascii() and reference.isprintable()


@functools.cache
def _boot_id() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()


def _folder() -> Path:
    return settings.VAR / "journal"


def _path(lease: str) -> Path:
    return _folder() / lease
