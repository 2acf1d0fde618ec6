"""msgcenter as it runs in production: web, workers and beat as child processes on a database of their own.

    def test_something(live_stack):
        stack = live_stack(MSGCENTER_LEASE_SECONDS="2")      # keywords are environment variables of the children
        worker = stack.worker(queues=["fanout", "email.bulk"], concurrency=2)
        beat, web = stack.beat(), stack.web()                # web.url is its address
        stack.manage("loaddata", "school.json")              # raises with the output unless its exit status is 0
        number = stack.shell("print(Message.objects.count())")  # all models are imported; the last line is read as JSON
        console = stack.console(); console.run("…")          # the same in a process that stays open
        stack.kill9(worker); stack.redis.flushall()          # also .kill9() .start() .stop() .pause() .resume()
        stack.wait_for("SELECT COUNT(*) FROM delivery_delivery WHERE status = 'accepted'", [(number,)], seconds=20)

`own_database=True` gives the stack a MariaDB server of its own (`stack.database.kill9()`, `.start()`, `.execute()`); on
SQLite `stack.database` is None. `stack.rows(sql)` asks the database directly and costs no process.
"""

import contextlib
import fcntl
import itertools
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tests.services import foundling, mariadb_server, process, redis_server
from workers.queues import LANES

ROOT = Path(__file__).resolve().parents[2]
numbers = itertools.count()
Child = TypeVar("Child", bound=process.Process)


class Web(process.Process):
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Console(process.Process):
    address: Path

    @property
    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.address)) == 0

    def run(self, code: str, *, seconds: float = 60) -> Any:
        """As `Stack.shell`. Raises `AssertionError` with the traceback."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(self.address))
            connection.sendall(textwrap.dedent(code).encode())
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as content:
                answer = json.loads(content.read())
        assert answer["ok"], answer["output"]
        return last_line(answer["output"])


class Stack:
    #: Whether many processes will be started, so that it pays to fork them (`tests/services/nursery.py`).
    forks: ClassVar[bool] = False

    def __init__(self, *, own_database: bool = False, environment: Mapping[str, str]) -> None:
        base = Path(os.environ["MSGCENTER_TEST_FOLDER"])
        self.name = f"live_{os.getpid()}_{next(numbers)}"
        self.folder = base / self.name
        self.template = base / "template"
        self.own_database = own_database
        self.database: mariadb_server.MariaDBServer | None = None
        # The broker goes by the kind this run was given (redis-server with MariaDB).
        self.sqlite = os.environ["MSGCENTER_DB"] == "sqlite"
        self.redis = redis_server.RedisServer(self.folder / "redis", kind="valkey" if self.sqlite else "redis")
        self.processes: list[process.Process] = []
        self.outputs: list[tuple[str, str]] = []
        self.env = {**os.environ, "MSGCENTER_REDIS_URL": self.redis.url, "MSGCENTER_VAR": str(self.folder / "var")}
        self.env.update(environment)

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()

    # --- start and end ------------------------------------------------------------------------------------------------
    def start(self) -> "Stack":
        (self.folder / "var" / "static").mkdir(parents=True)
        try:
            self.redis.start()
            self.make_database()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        for one in reversed(self.processes):
            one.stop()
        self.redis.stop()
        if self.database and self.own_database:
            self.database.stop()
        elif self.database:
            self.database.drop(self.name)
        self.database = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_database(self) -> None:
        if self.sqlite:
            self.env["MSGCENTER_DB_NAME"] = str(self.folder / "live.sqlite3")
            shutil.copyfile(self.migrated(self.migrate_sqlite), self.env["MSGCENTER_DB_NAME"])
            return
        shared = mariadb_server.MariaDBServer(Path(os.environ["MSGCENTER_DB_SOCKET"]).parent)
        dump = self.migrated(lambda: self.migrate_mariadb(shared))
        self.database = mariadb_server.MariaDBServer(self.folder).start() if self.own_database else shared
        self.env.update(MSGCENTER_DB_NAME=self.name, MSGCENTER_DB_SOCKET=str(self.database.socket))
        self.database.create(self.name)
        self.database.load(self.name, dump)

    def migrated(self, make: Callable[[], Path]) -> Path:
        """The migrated template, made once per run, whichever xdist worker comes first."""
        self.template.mkdir(exist_ok=True)
        with (self.template / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return make()

    def migrate_sqlite(self) -> Path:
        target, unfinished = self.template / "migrated.sqlite3", self.template / "unfinished.sqlite3"
        if not target.exists():
            unfinished.unlink(missing_ok=True)
            self.manage("migrate", "-v", "0", env={"MSGCENTER_DB_NAME": str(unfinished)})
            unfinished.rename(target)
        return target

    def migrate_mariadb(self, server: mariadb_server.MariaDBServer) -> Path:
        target, unfinished = self.template / "migrated.sql", self.template / "unfinished.sql"
        if not target.exists():
            server.drop("live_template")
            server.create("live_template")
            self.manage("migrate", "-v", "0", env={"MSGCENTER_DB_NAME": "live_template"})
            server.dump("live_template", unfinished)
            unfinished.rename(target)
        return target

    # --- the children -------------------------------------------------------------------------------------------------
    def web(self, *, threads: int = 4) -> Web:
        """The pages and the API under granian; ready when its port answers."""
        port = process.free_port()
        address = ["--host", "127.0.0.1", "--port", str(port), "--blocking-threads", str(threads), "--no-ws"]
        # granian has children of its own, which end with it on SIGTERM only.
        child = self.child(
            Web, "web", ["granian", "--interface", "wsgi", *address, "msgcenter.wsgi:application"], death="TERM"
        )
        child.port = port
        child.wait_until(lambda: process.answers(port), seconds=60)
        return child

    def worker(
        self, *, queues: Sequence[str] = LANES, concurrency: int = 4, env: Mapping[str, str] | None = None
    ) -> process.Process:
        """One Celery worker; ready when it takes work."""
        name = f"worker-{len(self.processes)}"
        options = ["-P", "threads", "-c", str(concurrency), "-Q", ",".join(queues), "-n", f"{name}@%h", "-l", "INFO"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        command = ["celery", "-A", "msgcenter", "worker", *options, *quiet]
        child = self.child(process.Process, name, command, env=env)
        child.wait_until(lambda: " ready." in child.tail(), seconds=60)
        return child

    def beat(self) -> process.Process:
        command = ["celery", "-A", "msgcenter", "beat", "--pidfile=", "-l", "INFO"]
        child = self.child(process.Process, f"beat-{len(self.processes)}", command)
        # It says that it starts before it has asked the database for anything.
        child.wait_until(lambda: "Schedule changed." in child.log.read_text(), seconds=60)
        return child

    def console(self) -> Console:
        """A shell that stays open."""
        # A unix socket's path may hold 107 bytes.
        address = self.folder / f"c{len(self.processes)}.sock"
        child = self.child(Console, f"console-{len(self.processes)}", ["tests.services.console", str(address)])
        child.address = address
        child.wait_until(lambda: child.answers, seconds=60)
        return child

    def child(
        self,
        kind: type[Child],
        name: str,
        module: Sequence[str],
        *,
        death: str = "KILL",
        env: Mapping[str, str] | None = None,
    ) -> Child:
        log = self.folder / f"{name}.log"
        child = kind(
            name,
            [sys.executable, "-m", *module],
            log=log,
            env={**self.env, **(env or {})},
            cwd=ROOT,
            signal_at_our_death=death,
            start=self.starter(kind),
        )
        self.processes.append(child)
        return child

    def starter(self, kind: type[process.Process]) -> process.Starter:
        """What is loaded before Python (a clock) needs a start of its own, and so has who forks himself."""
        by_itself = issubclass(kind, Web) or "LD_PRELOAD" in self.env
        return foundling.start_module if self.forks and not by_itself else process.start_program

    def kill9(self, child: process.Process) -> None:
        child.kill9()

    # --- asking -------------------------------------------------------------------------------------------------------
    def manage(
        self, *words: str, check: bool = True, seconds: float = 120, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run manage.py to its end. Raises `AssertionError` with its errors unless its exit status is 0."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        self.outputs.append((f"manage.py {words[0]}", (done.stdout + done.stderr)[-4000:]))
        assert not check or done.returncode == 0, f"manage.py {words[0]} ended with {done.returncode}:\n{done.stderr}"
        return done

    def shell(self, code: str) -> Any:
        """The last line that `code` prints, read as JSON; None if it prints nothing."""
        done = self.manage("shell", "-v", "0", "-c", "import json\n" + textwrap.dedent(code))
        return last_line(done.stdout)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read from the database without Django."""
        if self.database:
            return self.database.execute(sql, database=self.name)
        with contextlib.closing(sqlite3.connect(self.env["MSGCENTER_DB_NAME"], timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def wait_for(self, sql: str, expected: list[tuple[Any, ...]], *, seconds: float = 30) -> None:
        """Until the database answers `expected`; afterwards the assertion shows what it answers instead."""
        for _ in clock(seconds):
            if self.rows(sql) == expected:
                return
        assert self.rows(sql) == expected, f"not within {seconds} s"

    def logs(self) -> Iterator[tuple[str, str]]:
        """Title and text of what the children wrote, for the report of a failed test."""
        for one in self.processes:
            state = "running" if one.running else f"ended with {one.popen.returncode}"
            yield f"{one.name} ({state})", one.tail()
        yield from self.outputs[-3:]


def last_line(output: str) -> Any:
    """Read as JSON; None if there is no output."""
    lines = output.strip().splitlines()
    return json.loads(lines[-1]) if lines else None


def clock(seconds: float, *, step: float = 0.1) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(step)
