"""What a fake provider has accepted, on disk before it says so.

One JSON object a line, appended and fsynced in groups: the accepts that arrive while the disk is busy share the next
fsync. After a crash of anything else, this file is the truth that the database is compared with.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


def read(path: str | os.PathLike[str]) -> list[Entry]:
    """All accepts in order; a line torn by a kill was never answered and does not count."""
    if not Path(path).exists():
        return []
    lines = Path(path).read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1] if line]


def _reopen(path: str | os.PathLike[str]) -> list[Entry]:
    if Path(path).exists():
        os.truncate(path, Path(path).read_bytes().rfind(b"\n") + 1)
    return read(path)


class Ledger:
    """Appends from one event loop. Without a path it remembers only."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.entries: list[Entry] = _reopen(path) if path else []
        self._file = open(path, "ab", buffering=0) if path else None  # noqa: SIM115
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def append(self, entry: Entry) -> None:
        """Returns when the entry is on disk."""
        if self._file is not None:
            done = asyncio.get_running_loop().create_future()
            self._waiting.append((json.dumps(entry, ensure_ascii=False).encode() + b"\n", done))
            if self._writer is None or self._writer.done():
                self._writer = asyncio.create_task(self._write_all())
            await done
        self.entries.append(entry)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            failure = None
            try:
                await loop.run_in_executor(None, self._write, b"".join(line for line, _done in group))
            except OSError as error:
                failure = error
            for _line, done in group:
                if not done.done():
                    done.set_exception(failure) if failure else done.set_result(None)

    def _write(self, lines: bytes) -> None:
        self._file.write(lines)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
