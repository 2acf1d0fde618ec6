"""The command itself; `python -m benchmarks` makes what it needs and starts it."""

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping

from benchmarks import charts, figures, options, servers, sizes, table
from benchmarks.figures import Part
from benchmarks.parts import email, emergency, growth, inbox, sms

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
    parts = []
    with servers.open_database():
        for name in chosen.parts:
            started = time.monotonic()
            parts.append(PARTS[name](sizes.of(chosen), rounds=chosen.rounds))
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    table.show(parts)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures.flat(parts), indent=2) + "\n", encoding="utf-8")
    if chosen.charts or not (chosen.quick or chosen.tiny):
        charts.draw(parts)


if __name__ == "__main__":
    main()
