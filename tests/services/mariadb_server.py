"""A private MariaDB in a temporary folder, reached over a unix socket only, durable as in production."""

import contextlib
import getpass
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import MySQLdb

from tests.services import process

SQL_MODE = "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
OPTIONS = (
    "--skip-networking",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    f"--sql-mode={SQL_MODE}",
    "--transaction-isolation=READ-COMMITTED",
    "--default-time-zone=+00:00",
    "--innodb-buffer-pool-size=256M",
    "--innodb-log-file-size=96M",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-fast-shutdown=1",
    "--max-connections=300",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=OFF",
)


class MariaDBServer:
    """`start()` makes the data folder the first time; after `kill9()` it recovers, as a real one does."""

    user = "root"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        # A unix socket's path may hold 107 bytes.
        self.socket = folder / "m.sock"
        #: Words before the command, such as `env NAME=value`.
        self.prefix: list[str] = []
        self.process: process.Process | None = None

    def common_options(self) -> list[str]:
        options = ["--no-defaults", f"--datadir={self.data}"]
        # The server refuses to run as root unless told to.
        return [*options, f"--user={getpass.getuser()}"]

    def install(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        program = process.find_program(["mariadb-install-db", "mysql_install_db"], "mariadb-server")
        command = [program, *self.common_options(), "--auth-root-authentication-method=normal", "--skip-test-db"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise process.NotStarted(f"mariadb-install-db failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def start(self) -> "MariaDBServer":
        assert not self.process, "the database server is running"
        if not self.data.exists():
            self.install()
        program = process.find_program(["mariadbd", "mysqld"], "mariadb-server")
        files = [f"--socket={self.socket}", f"--pid-file={self.folder / 'm.pid'}", f"--tmpdir={self.folder}"]
        command = [*self.prefix, program, *self.common_options(), *files, *OPTIONS]
        self.process = process.Process("mariadb", command, log=self.folder / "mariadb.log")
        self.process.wait_until(self.answers, seconds=60)
        return self

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except MySQLdb.OperationalError:
            return False
        return True

    def execute(self, sql: str, parameters: Sequence[object] = (), *, database: str = "") -> list[tuple[object, ...]]:
        """Run one statement over a connection of its own, as a second session would."""
        connection = MySQLdb.connect(
            unix_socket=str(self.socket), user=self.user, database=database, charset="utf8mb4", connect_timeout=5
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            rows = list(cursor.fetchall())
            connection.commit()
            return rows

    def create(self, name: str) -> None:
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def dump(self, name: str, target: Path) -> None:
        program = process.find_program(["mariadb-dump", "mysqldump"], "mariadb-client")
        command = [program, "--no-defaults", f"--socket={self.socket}", f"--user={self.user}", "--skip-comments", name]
        with target.open("wb") as output:
            subprocess.run(command, stdout=output, check=True, timeout=120)

    def load(self, name: str, source: Path) -> None:
        program = process.find_program(["mariadb", "mysql"], "mariadb-client")
        command = [program, "--no-defaults", f"--socket={self.socket}", f"--user={self.user}", name]
        with source.open("rb") as script:
            subprocess.run(command, stdin=script, check=True, timeout=120, env=dict(os.environ, MYSQL_PWD=""))

    def stop(self) -> None:
        if self.process:
            self.process.stop(seconds=30)
            self.process = None

    def kill9(self) -> None:
        assert self.process, "the database server is not running"
        self.process.kill9()
        self.process = None
