"""A child that is ready before the clock starts: it reads orders from its standard input and answers each with a line.

The child's side is `obey`, ours is `Driver`. It ends when we do: its input is then at its end.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READY = "ready"


class Failed(RuntimeError):
    """The child ended or could not do it; the text holds the end of its log."""


class Driver:
    def __init__(self, words: Iterable[object], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as errors:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", *map(str, words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                text=True,
            )
        self.answer(READY)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def order(self, **what: object) -> None:
        self.popen.stdin.write(json.dumps(what) + "\n")
        self.popen.stdin.flush()

    def answer(self, expected: str = "done") -> None:
        """Wait until the child is through. Raises `Failed`."""
        if self.popen.stdout.readline().strip() != expected:
            self.stop()
            raise Failed(f"{' '.join(self.popen.args[2:])}:\n{self.log.read_text(errors='replace')[-3000:]}")

    def stop(self) -> None:
        self.popen.stdin.close()
        try:
            self.popen.wait(5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.popen.stdout.close()


def obey(act: Callable[..., None]) -> None:
    print(READY, flush=True)
    for line in sys.stdin:
        act(**json.loads(line))
        print("done", flush=True)
