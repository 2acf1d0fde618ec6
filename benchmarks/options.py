"""The command line. Standard library only: it is read before anything is installed."""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

PARTS = ("email", "sms", "inbox", "growth", "emergency")
#: Only when they are named: `people` has no other to be held against, `kills` takes many minutes and measures no speed.
NAMED = ("people", "kills")

WHICH = f"of {', '.join(PARTS)} (default: all of these), or, only when named: {', '.join(NAMED)}"


def read(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="How fast msgcenter delivers, against the raw limit of the machine and against what else there is.",
    )
    # No `choices` here: argparse would hold the empty list against them.
    parser.add_argument("parts", nargs="*", metavar="PART", help=WHICH)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="the same rows at smaller sizes, in about 4 minutes")
    size.add_argument("--tiny", action="store_true", help="to try the command itself: its figures mean nothing")
    parser.add_argument("--rounds", type=int, metavar="N", help="medians of so many (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--charts", action="store_true", help="draw docs/images/ anew, as the full run does")
    parser.add_argument("--seed", type=int, metavar="N", help="of the random moments in kills, to repeat a run")
    options = parser.parse_args(words)
    known = (*PARTS, *NAMED)
    if unknown := set(options.parts) - set(known):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"there is no folder {options.json.parent}")
    options.parts = [part for part in known if part in (options.parts or PARTS)]
    options.seed = random.randrange(10**6) if options.seed is None else options.seed
    options.rounds = options.rounds or (1 if options.tiny else 3)
    return options
