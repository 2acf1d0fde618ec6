"""A MariaDB server and a broker of our own, with msgcenter's processes on them."""

import contextlib
import os
from collections.abc import Iterator

from tests.services import plugin
from tests.services.process import Process, make_folder
from tests.services.stack import Stack


@contextlib.contextmanager
def open_stack(**environment: str) -> Iterator[Stack]:
    """What the end-to-end tests run on, configured as in production."""
    os.environ.update({plugin.DATABASE: "mariadb", plugin.FOLDER: str(make_folder())})
    try:
        os.environ.update(plugin.base_environment() | plugin.database_environment())
        with Stack(environment=environment) as stack:
            yield stack.start()
    finally:
        plugin.stop_servers()


def peak_memory(process: Process) -> float:
    """The most memory the process has held so far, in MiB (VmHWM, proc(5))."""
    with open(f"/proc/{process.popen.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
