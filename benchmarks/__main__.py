"""`python -m benchmarks`: makes what it needs, then runs itself in .venv. Any Python >= 3.11 starts it."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import options

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    options.read(sys.argv[1:])
    for command in (["./deploy/packages", "bench"], ["./deploy/setup", "bench"]):
        if status := subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode:
            sys.exit(status)
    python = str(ROOT / ".venv" / "bin" / "python")
    os.execv(python, [python, "-m", "benchmarks.command", *sys.argv[1:]])


if __name__ == "__main__":
    main()
