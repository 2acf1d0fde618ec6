"""Starts processes of the product in a quarter of the time: what they import of others is imported once, here.

    python -m tests.services.nursery SOCKET

Takes {"module", "words", "env", "cwd", "log", "signal", "parent"} until the caller has shut down his end; answers with
the id of a process that runs `python -m MODULE WORDS`. It is forked before anything of the product, or its settings,
is imported, belongs to `parent` as if that had started it, and gets `signal` when that dies.
"""

import contextlib
import ctypes
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time

from tests.services import callers

PRODUCT = frozenset({"apps", "workers", "msgcenter", "tests", "__main__"})
SET_SIGNAL, SET_REAPER = 1, 36
#: Prints the names of what a worker has imported.
SCOUT = """
import json, sys
import django
django.setup()
import celery.bin.celery, celery.apps.worker, celery.apps.beat, celery.worker.components
import workers.tasks
print(json.dumps(list(sys.modules)))
"""


def adopt_orphans() -> None:
    """This process becomes the parent of whatever its descendants leave behind (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    tell_kernel(SET_REAPER, 1)


def tell_kernel(what: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(what, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def import_what_is_not_ours() -> None:
    """What cannot be imported without settings is left to each process: they differ."""
    listed = subprocess.run([sys.executable, "-c", SCOUT], capture_output=True, text=True, check=True)
    del os.environ["DJANGO_SETTINGS_MODULE"]
    for name in json.loads(listed.stdout):
        if name.partition(".")[0] not in PRODUCT:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    assert not PRODUCT & sys.modules.keys() - {"tests", "__main__"}


def serve(path: str) -> None:
    for caller in callers.wait_for_callers(path):
        asked = callers.question(caller)
        # Somebody who only wanted to see whether anybody is here.
        if not asked:
            continue
        child = fork_orphan()
        if not child:
            break
        caller.sendall(str(child).encode())
    become(json.loads(asked))


def fork_orphan() -> int:
    """The id of a child that nobody here is the parent of; 0 in the child."""
    reader, writer = os.pipe()
    between = os.fork()
    if not between:
        child = os.fork()
        if not child:
            os.close(reader)
            os.close(writer)
            return 0
        os.write(writer, str(child).encode())
        os._exit(0)
    os.waitpid(between, 0)
    os.close(writer)
    with os.fdopen(reader) as content:
        return int(content.read())


def become(wanted: dict) -> None:
    while os.getppid() != wanted["parent"]:
        time.sleep(0.001)
    tell_kernel(SET_SIGNAL, getattr(signal, f"SIG{wanted['signal']}"))
    os.setsid()
    os.chdir(wanted["cwd"])
    speak_to(wanted["log"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    sys.argv = [wanted["module"], *wanted["words"]]
    runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)


def speak_to(log: str) -> None:
    nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND)
    for number, here in enumerate((nothing, file, file)):
        os.dup2(here, number)
    os.close(nothing)
    os.close(file)


if __name__ == "__main__":
    import_what_is_not_ours()
    serve(sys.argv[1])
