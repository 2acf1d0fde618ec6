"""msgcenter as `docs/running.md` has it: web, workers and beat on MariaDB and Redis, written to over REST."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import MySQLdb
import requests

from benchmarks import content
from benchmarks.figures import Usage
from benchmarks.meter import Meter
from benchmarks.pools import Pool
from tests.services import process
from tests.services.stack import ROOT, Stack

#: Seconds without another delivery after which a row has failed, and for one request.
PATIENCE = 120
#: Seconds between two looks whether everything is accepted, and the part of the time so far they may last.
STEP, SHARE = 0.01, 0.005
ENVIRONMENT = {
    "MSGCENTER_API_RATE": "100000/min",
    "MSGCENTER_MAX_AUDIENCE": "1000000",
}
SET_UP = """
    from apps.accounts.models import User
    from apps.directory.models import OrgUnit
    User.objects.create_superuser("root", password="benchmark")
    units = [OrgUnit.objects.create(name=f"class of {{size}}", kind="class").pk for size in {sizes!r}]
    print(json.dumps(units))
"""
CONNECT = """
    from apps.channels import services
    from apps.channels.models import ProviderAccount
    for channel, provider, settings in {accounts!r}:
        account = ProviderAccount.objects.get(channel__key=channel)
        account.provider = provider
        account.save()
        services.configure(account, settings, by=None)
"""
ENROL = (
    "INSERT INTO directory_person (id, name, kind, state, number) "
    "SELECT seq, CONCAT('学生', seq), 'student', 'active', CONCAT('S', seq) FROM seq_1_to_{people}",
    "INSERT INTO directory_contactpoint (person_id, kind, value, source, created_at) "
    "SELECT seq, 'email', CONCAT('s', seq, '@stu.school.example'), 'roster', UTC_TIMESTAMP(6) FROM seq_1_to_{people}",
    "INSERT INTO directory_contactpoint (person_id, kind, value, source, created_at) "
    "SELECT seq, 'mobile', CONCAT('+86138', LPAD(seq, 8, '0')), 'roster', UTC_TIMESTAMP(6) FROM seq_1_to_{people}",
    "ANALYZE TABLE directory_person, directory_contactpoint",
)
JOIN = "INSERT INTO directory_membership (person_id, unit_id) SELECT seq, {unit} FROM seq_1_to_{size}"


def smtp_account(port: int) -> tuple[str, str, dict[str, object]]:
    return (
        "email",
        "smtp",
        {"host": "127.0.0.1", "port": port, "security": "none", "from_address": content.SENDER},
    )


def twilio_account(url: str) -> tuple[str, str, dict[str, object]]:
    settings = {"account_sid": "AC", "auth_token": "token", "from_number": "+15005550006", "base_url": url}
    return "sms", "twilio", settings


class Production:
    """A school on a database of its own. `units[n]` is a class of n people; the smaller ones are part of the larger."""

    def __init__(self, *, sizes: Sequence[int], environment: Mapping[str, str] | None = None) -> None:
        self.stack = Stack(environment={**ENVIRONMENT, **(environment or {})}).start()
        self.pools: list[process.Process] = []
        self.units: dict[int, int] = {}
        self.paused = False
        with ThreadPoolExecutor() as together:
            set_up = together.submit(self.set_up, sizes)
            # Not the other way round: children die with the thread that started them.
            self.web = self.stack.web()
            set_up.result()
        # Asked often.
        self.ledger = self.open_ledger()
        self.api = f"{self.web.url}/api/v1"
        self.session = self.log_in()

    def __enter__(self) -> "Production":
        return self

    def __exit__(self, *details: object) -> None:
        self.end()
        self.ledger.close()
        self.stack.stop()

    def set_up(self, sizes: Sequence[int]) -> None:
        units = self.stack.shell(SET_UP.format(sizes=list(sizes)))
        self.units = dict(zip(sizes, units, strict=True))
        self.enrol(max(sizes))

    def enrol(self, people: int) -> None:
        statements = [statement.format(people=people) for statement in ENROL]
        statements += [JOIN.format(unit=unit, size=size) for size, unit in self.units.items()]
        for statement in statements:
            self.stack.rows(statement)

    def open_ledger(self) -> MySQLdb.Connection:
        database = self.stack.database
        return MySQLdb.connect(
            unix_socket=str(database.socket), user=database.user, database=self.stack.name, autocommit=True
        )

    def connect(self, *accounts: tuple[str, str, dict[str, object]]) -> None:
        """Instead of the sandbox."""
        self.stack.shell(CONNECT.format(accounts=list(accounts)))

    def log_in(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        answer = session.post(f"{self.api}/login", json={"username": "root", "password": "benchmark"}, timeout=30)
        session.headers["Authorization"] = f"Token {answer.json()['token']}"
        return session

    # --- processes ----------------------------------------------------------------------------------------------------
    def start(self, pools: Sequence[Pool]) -> None:
        """The workers, all at once, and beat."""
        workers = self.workers(pools)
        beat = self.stack.beat()
        self.wait_until_ready(workers)
        self.pools = [*workers, beat]

    def workers(self, pools: Sequence[Pool]) -> list[process.Process]:
        return [self.worker(pool, number) for pool in pools for number in range(pool.processes)]

    def wait_until_ready(self, workers: Sequence[process.Process]) -> None:
        for worker in workers:
            worker.wait_until(lambda worker=worker: " ready." in worker.tail(), seconds=120)

    def worker(self, pool: Pool, number: int) -> process.Process:
        name = f"{pool.name}-{number}-{len(self.stack.processes)}"
        program = ["nice", "-n", str(pool.nice), sys.executable, "-m", "celery", "-A", "msgcenter", "worker"]
        options = ["-P", "threads", "-c", str(pool.threads), "-Q", ",".join(pool.lanes), "-n", f"{name}@%h"]
        command = [*program, *options, "-l", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        log = self.stack.folder / f"{name}.log"
        worker = process.Process(name, command, log=log, env=self.stack.env, cwd=ROOT)
        self.stack.processes.append(worker)
        return worker

    def end(self) -> None:
        """Workers and beat, at once: what was measured is over. Web stays."""
        for one in self.pools:
            one.kill9()
        self.pools = []

    def pause(self) -> None:
        """While something else is measured. The next message to be written wakes everything up."""
        for one in (self.web, *self.pools):
            one.pause()
        self.paused = True

    def resume(self) -> None:
        if not self.paused:
            return
        for one in (self.web, *self.pools):
            one.resume()
        self.paused = False
        # The sweeps that beat has missed.
        time.sleep(1)

    # --- messages -----------------------------------------------------------------------------------------------------
    def write(
        self,
        channel: str,
        audience: Mapping[str, object],
        *,
        body: str,
        urgency: str = "general",
        also: Sequence[str] = (),
    ) -> int:
        self.resume()
        draft = {
            "title": content.TITLE,
            "content": body,
            "type": "notice",
            "unit": next(iter(self.units.values())),
            "urgency": urgency,
            "channels": [channel, *also],
            "audience": audience,
        }
        created = self.session.post(f"{self.api}/messages", json=draft, timeout=PATIENCE)
        if not created.ok:
            raise RuntimeError(created.text[:2000])
        return created.json()["id"]

    def everybody(self, size: int) -> dict[str, object]:
        return {"include": [{"unit": self.units[size]}]}

    def publish(self, message: int) -> None:
        self.session.post(f"{self.api}/messages/{message}/publish", timeout=PATIENCE).raise_for_status()

    def accepted(self, message: int) -> int:
        """Deliveries of the message that the ledger holds as accepted (inbox: as delivered)."""
        sql = f"SELECT SUM(accepted + delivered) FROM messaging_messagechannel WHERE message_id = {message}"
        with self.ledger.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.fetchone()[0] or 0)

    def measure(self, message: int, count: int, *, taken: Callable[[], int] | None = None) -> Usage:
        """From the publish request to the last accept, by the ledger and by the counter of the server `taken` asks."""
        before = taken() if taken else 0
        with self.meter() as meter:
            started = time.perf_counter()
            self.publish(message)
            if taken:
                wait_for(lambda: taken() - before, count)
            wait_for(lambda: self.accepted(message), count)
            seconds = time.perf_counter() - started
        check_count("the ledger", self.accepted(message), count)
        if taken:
            check_count("the server", taken() - before, count)
        return Usage(count, seconds, meter.cpu, meter.peak)

    def meter(self) -> Meter:
        return Meter(workers=[one.pid for one in self.pools], servers=[self.web.pid, *self.servers()])

    def servers(self) -> list[int]:
        """Database and broker."""
        database = int((self.stack.database.folder / "m.pid").read_text())
        return [database, self.stack.redis.pid]


def wait_for(counted: Callable[[], int], expected: int, *, patience: float = PATIENCE) -> None:
    """Until that many are counted. Raises `TimeoutError` when the count stands still for too long."""
    started = moved = time.monotonic()
    count = counted()
    while count < expected:
        time.sleep(max(STEP, (time.monotonic() - started) * SHARE))
        before, count = count, counted()
        if count > before:
            moved = time.monotonic()
        elif time.monotonic() - moved > patience:
            raise TimeoutError(f"{count} of {expected}, and no more for {patience} s")


def check_count(where: str, counted: int, expected: int) -> None:
    if counted != expected:
        raise RuntimeError(f"{where} counts {counted} accepted, {expected} were to be")
