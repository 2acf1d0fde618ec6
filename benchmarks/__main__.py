"""`python -m benchmarks NAME [--json FILE]`: measure, print a table, and keep the figures if asked.

Everything runs on private servers on loopback (the ones of the tests), so `./deploy/test` must have been run once.
"""

import argparse
import json
from pathlib import Path

from benchmarks import fan_out

BENCHMARKS = {"fan_out": fan_out.run}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--people", type=int, default=100_000, help="size of the large audience (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    options = parser.parse_args()
    figures = BENCHMARKS[options.name](people=options.people)
    for name, value in figures.items():
        print(f"{name:<40} {value:>14,.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
