"""Becomes another program that is told to end when its parent dies, however that dies: `child.py PARENT_PID command …`.

A wrapper rather than `preexec_fn`, which is not safe in a parent with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>; it survives exec


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the parent has died already")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
