"""`python -m benchmarks.command` from end to end, as small as it goes. It starts its own MariaDB and Redis."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.once
def test_the_inbox_is_measured_from_end_to_end(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.command", "inbox", "--tiny", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(file.read_text())
    assert figures["inbox.vs_raw"] > 0
    assert figures["inbox.msgcenter.deliveries"] == figures["inbox.raw.deliveries"] == 500
    assert "0.60" in done.stdout
