"""The command itself; `python -m benchmarks` makes what it needs and starts it."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import driver, figures, options, servers, sizes, table
from benchmarks.figures import Part
from benchmarks.parts import email, emergency, growth, inbox, kills, people, sms
from benchmarks.sizes import Sizes

PARTS: Mapping[str, Callable[..., Part]] = {
    "email": email.run,
    "sms": sms.run,
    "inbox": inbox.run,
    "growth": growth.run,
    "emergency": emergency.run,
    "people": people.run,
    "kills": kills.run,
}


def main() -> None:
    chosen = options.read(sys.argv[1:])
    # `kill` ends the run as Ctrl-C does, with the servers and their folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parts: list[Part] = []
    # What a part has brought is kept, whatever becomes of the next.
    for part in measure(chosen.parts, sizes.of(chosen), rounds=chosen.rounds):
        parts.append(part)
        table.show(part)
        if chosen.json:
            write(parts, chosen.json)
    if chosen.charts or not (chosen.quick or chosen.tiny):
        draw(parts)


def measure(names: Sequence[str], size: Sizes, *, rounds: int) -> Iterator[Part]:
    with servers.open_database():
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            started = time.monotonic()
            part = PARTS[name](size, rounds=rounds)
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            yield part


def write(parts: Sequence[Part], file: Path) -> None:
    file.write_text(json.dumps(figures.flat(parts), indent=2) + "\n", encoding="utf-8")


def draw(parts: Sequence[Part]) -> None:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        write(parts, Path(file.name))
        command = [sys.executable, "-m", "benchmarks.charts", file.name]
        subprocess.run(command, cwd=driver.ROOT, check=True)


if __name__ == "__main__":
    main()
