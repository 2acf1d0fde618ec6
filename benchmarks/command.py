"""The command itself; `python -m benchmarks` makes what it needs and starts it."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks import driver, figures, options, servers, sizes, table
from benchmarks.figures import Part
from benchmarks.parts import email, emergency, growth, inbox, sms
from benchmarks.sizes import Sizes

PARTS: Mapping[str, Callable[..., Part]] = {
    "email": email.run,
    "sms": sms.run,
    "inbox": inbox.run,
    "growth": growth.run,
    "emergency": emergency.run,
}


def main() -> None:
    chosen = options.read(sys.argv[1:])
    # `kill` ends the run as Ctrl-C does, with the servers and their folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parts = measure(chosen.parts, sizes.of(chosen), rounds=chosen.rounds)
    table.show(parts)
    figures_file = json.dumps(figures.flat(parts), indent=2) + "\n"
    if chosen.json:
        chosen.json.write_text(figures_file, encoding="utf-8")
    if chosen.charts or not (chosen.quick or chosen.tiny):
        draw(figures_file)


def measure(names: Sequence[str], size: Sizes, *, rounds: int) -> list[Part]:
    parts = []
    with servers.open_database():
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            started = time.monotonic()
            parts.append(PARTS[name](size, rounds=rounds))
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return parts


def draw(figures_file: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(figures_file)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.charts", file.name]
        subprocess.run(command, cwd=driver.ROOT, check=True)


if __name__ == "__main__":
    main()
