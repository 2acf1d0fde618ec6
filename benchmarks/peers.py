"""What a school could use instead, on the database server and the broker of a `Production`."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from benchmarks import production
from benchmarks.driver import Driver
from benchmarks.figures import Usage
from benchmarks.meter import Meter
from benchmarks.production import Production
from tests.services import process
from tests.services.stack import ROOT

SETTINGS = "--settings=benchmarks.plain_celery.settings"
DATABASE = "plain"
#: Worker processes of the plain Celery project, in Celery's default pool.
PROCESSES = 2
SENT = {
    "celery": "SELECT COUNT(*) FROM plain_celery_notification WHERE status = 'sent'",
    "loop": "SELECT COUNT(*) FROM plain_celery_notification WHERE status = 'sent'",
    "post_office": "SELECT COUNT(*) FROM post_office_email WHERE status = 0",
}


class Peers:
    """The three of them share a project; `measure` runs one while msgcenter is paused."""

    def __init__(
        self, ours: Production, *, smtp_port: int = 0, sms_url: str = "", settings: Mapping[str, str] | None = None
    ) -> None:
        self.ours = ours
        self.folder = ours.stack.folder
        self.database = ours.stack.database
        self.env = ours.stack.env | {
            "DJANGO_SETTINGS_MODULE": "benchmarks.plain_celery.settings",
            "PLAIN_DB_NAME": DATABASE,
            "PLAIN_DB_USER": self.database.user,
            "PLAIN_DB_SOCKET": str(self.database.socket),
            "PLAIN_REDIS_URL": ours.stack.redis.url.removesuffix("/0") + "/1",
            "PLAIN_SMTP_PORT": str(smtp_port),
            "PLAIN_SMS_URL": sms_url,
            "PLAIN_LOCK_FILE": str(self.folder / "post_office"),
            **(settings or {}),
        }
        self.database.drop(DATABASE)
        self.database.create(DATABASE)
        command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "-v", "0", SETTINGS]
        subprocess.run(command, cwd=ROOT, env=self.env, check=True)
        self.worker = self.start_worker()
        self.publisher = Driver(["django", "publish", SETTINGS], log=self.folder / "publisher.log", env=self.env)
        # Says nothing at this log level, but asks the broker for work once it is ready.
        self.worker.wait_until(self.asks_for_work, seconds=60)
        self.worker.pause()

    def start_worker(self) -> process.Process:
        options = ["-c", str(PROCESSES), "-l", "WARNING", "-n", "plain@%h"]
        command = [sys.executable, "-m", "celery", "-A", "benchmarks.plain_celery", "worker", *options]
        log = self.folder / "plain.log"
        return process.Process("plain-celery", command, log=log, env=self.env, cwd=ROOT)

    def asks_for_work(self) -> bool:
        clients = str(self.ours.stack.redis.command("CLIENT", "LIST")).splitlines()
        return any(" db=1 " in client and " cmd=brpop " in client for client in clients)

    def stop(self) -> None:
        self.publisher.stop()
        # Celery's prefork pool may take SIGTERM for a reason to wait.
        self.worker.kill9()
        self.database.drop(DATABASE)

    def sent(self, way: str) -> int:
        return int(self.database.execute(SENT[way], database=DATABASE)[0][0])

    def measure(self, way: str, channel: str, count: int, *, taken: Callable[[], int]) -> Usage:
        self.ours.pause()
        if way == "celery":
            self.worker.resume()
        try:
            return self.measure_alone(way, channel, count, taken=taken)
        finally:
            self.worker.pause()

    def measure_alone(self, way: str, channel: str, count: int, *, taken: Callable[[], int]) -> Usage:
        before = taken()
        ledger = self.sent(way)
        workers = [self.publisher.pid, *([self.worker.pid] if way == "celery" else [])]
        with Meter(workers=workers, servers=self.ours.servers()) as meter:
            started = time.perf_counter()
            self.publisher.order(way=way, channel=channel, count=count)
            self.publisher.answer()
            production.wait_for(lambda: taken() - before, count)
            production.wait_for(lambda: self.sent(way) - ledger, count)
            seconds = time.perf_counter() - started
        production.check_count(f"the server of {way}", taken() - before, count)
        return Usage(count, seconds, meter.cpu, meter.peak)
