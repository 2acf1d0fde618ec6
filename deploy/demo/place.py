"""Where a trial keeps its things, all below `var/`, and who may use them: one trial at a time."""

import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


class InUse(Exception):
    """Another trial runs here; its process id is the argument."""


@dataclass(frozen=True)
class Place:
    var: Path

    @property
    def trial(self) -> Path:
        return self.var / "trial"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def database(self) -> Path:
        return self.var / "msgcenter.sqlite3"

    def lock(self) -> IO[str]:
        """Held until the returned file is closed or this process ends, however it ends. Raises `InUse`."""
        self.var.mkdir(parents=True, exist_ok=True)
        file = (self.var / "trial.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise InUse(holder) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def clear(self) -> None:
        """Remove what trials have made. The keys of the installation stay, and so does a database no trial has used."""
        if not self.trial.is_dir():
            return
        for folder in (self.trial, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)

    def read(self, name: str) -> dict[str, Any]:
        file = self.trial / f"{name}.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Whole or not at all, and for nobody else's eyes."""
        self.write_text(f"{name}.json", json.dumps(content, ensure_ascii=False, indent=1))

    def write_text(self, name: str, content: str) -> Path:
        self.trial.mkdir(parents=True, exist_ok=True, mode=0o700)
        file, new = self.trial / name, self.trial / f"{name}.new"
        new.touch(mode=0o600)
        new.write_text(content, encoding="utf-8")
        return new.replace(file)
