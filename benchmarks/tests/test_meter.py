"""What processes use is measured with their children."""

import subprocess
import sys
import time

from benchmarks.meter import Meter

BURN = "import time\nwhile time.process_time() < {seconds}: pass"
HOLD = "held = bytearray(64 * 2**20)\nheld[::4096] = b'x' * len(held[::4096])\nprint(flush=True)\ninput()"
PARENT = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[1]])\nprint(flush=True)\ninput()"


def python(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_cpu_of_a_child_that_has_ended_counts() -> None:
    with python(PARENT, BURN.format(seconds=0.5)) as parent:
        with Meter(workers=[parent.pid]) as meter:
            parent.stdout.readline()
        parent.communicate(b"\n")
    assert 0.4 < meter.cpu < 3


def test_the_peak_is_that_of_the_workers_alone() -> None:
    with python(HOLD) as worker, python(HOLD) as server:
        worker.stdout.readline(), server.stdout.readline()
        with Meter(workers=[worker.pid], servers=[server.pid]) as meter:
            time.sleep(0.1)
        worker.communicate(b"\n"), server.communicate(b"\n")
    assert 64 < meter.peak < 120
