"""The pytest plugin of this project: private servers, settings that read nothing of the developer's, shared fixtures.

`MSGCENTER_TEST_DATABASE=mariadb` runs the suite on MariaDB and redis-server, the default is SQLite and Valkey. The
servers are started before Django reads its settings, listen on loopback or a unix socket only and end with the run,
also when it is killed. Every xdist worker has a broker and a folder of its own; they share one database server.

Fixtures:

- `redis_url`: the address of this process's broker, empty at the start of the test.
- `broker`: the same, to be asked: `broker.command("LLEN", "fanout")`, `broker.flushall()`.
- `rounds(short, full)`: `full` with `--faults`, else `short`: how long or how often a test goes on.
- `live_stack()`: real child processes on a real database, see `tests.services.stack.Stack`. Each call makes another
  stack with a database of its own; all of them end with the test, and their logs are shown when it fails.

The second run of `./deploy/test` (MSGCENTER_TEST_PURE=skip) leaves out what touches neither database nor broker; mark a
test `every_database` to keep it, or `once` to leave it out although it asks for a database. What is marked `production`
runs on MariaDB + Redis alone unless `--faults` is given.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import TransactionTestCase
from pytest_django.plugin import blocking_manager_key

from tests.services import mariadb_server, process, redis_server, seeds, stack

DATABASE = "MSGCENTER_TEST_DATABASE"
FOLDER = "MSGCENTER_TEST_FOLDER"
PORT = "MSGCENTER_TEST_REDIS_PORT"
OURS = ("MSGCENTER_TEST_PURE", DATABASE)
NEEDS_SERVERS = {
    "db",
    "transactional_db",
    "django_db_reset_sequences",
    "django_db_serialized_rollback",
    "django_db_setup",
    "live_server",
    "live_stack",
    "operation",
    "hurt",
    "machine",
    "redis_url",
    "broker",
}
brokers: dict[str, redis_server.RedisServer] = {}
databases: list[mariadb_server.MariaDBServer] = []
stacks_key = pytest.StashKey[list[stack.Stack]]()


def database_kind() -> str:
    kind = os.environ.get(DATABASE, "sqlite")
    if kind not in ("sqlite", "mariadb"):
        raise pytest.UsageError(f"{DATABASE} is sqlite or mariadb, not {kind!r}.")
    return kind


def test_folder() -> Path:
    return Path(os.environ[FOLDER])


def start_broker(name: str) -> dict[str, str]:
    """Start a broker; the answer is what the process that is to use it needs in its environment."""
    kind = "valkey" if database_kind() == "sqlite" else "redis"
    broker = redis_server.RedisServer(test_folder() / f"broker-{name}", kind=kind).start()
    brokers[name] = broker
    return {"MSGCENTER_REDIS_URL": broker.url, PORT: str(broker.port)}


def database_environment() -> dict[str, str]:
    if database_kind() == "sqlite":
        return {"MSGCENTER_DB": "sqlite", "MSGCENTER_DB_NAME": str(test_folder() / "main.sqlite3")}
    server = mariadb_server.MariaDBServer(test_folder() / "mariadb").start()
    databases.append(server)
    return {
        "MSGCENTER_DB": "mysql",
        "MSGCENTER_DB_NAME": "msgcenter",
        "MSGCENTER_DB_USER": server.user,
        "MSGCENTER_DB_SOCKET": str(server.socket),
    }


def own_environment(name: str) -> dict[str, str]:
    """What no two processes that run tests may share."""
    var = test_folder() / f"var-{name}"
    (var / "static").mkdir(parents=True)
    return {"MSGCENTER_VAR": str(var)} | start_broker(name)


def base_environment() -> dict[str, str]:
    return {
        "MSGCENTER_ENV_FILE": "",
        "MSGCENTER_SECRET_KEY": "the secret key of the tests, long enough for every check of Django",
        "MSGCENTER_SETTINGS_KEY": "the settings key of the tests",
        "MSGCENTER_ENVIRONMENT_ID": "msgcenter-test",
        "MSGCENTER_ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        # Most tests log in people who may publish and are about something else.
        "MSGCENTER_REQUIRE_TOTP": "false",
        # Playwright runs an event loop in the thread that also talks to the database.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
    }


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    """Comes before pytest-django, which reads the settings here. An xdist worker has been told all of it already."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return (yield)
    # `kill` ends the run as Ctrl-C does, with the servers and their folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("MSGCENTER_") and name not in OURS]:
        del os.environ[name]
    os.environ[FOLDER] = str(process.make_folder())
    try:
        os.environ.update(base_environment() | database_environment() | own_environment("main"))
    except BaseException:
        stop_servers()
        raise
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_newgateway(gateway: Any) -> None:
    """Give each xdist worker a broker and a folder of its own before it reads the settings."""
    channel = gateway.remote_exec("import os; os.environ.update(channel.receive())")
    channel.send(own_environment(gateway.id))
    channel.waitclose()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", action="store_true", help="the tests of faults in full: more rounds, longer outages")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "once: run on the first database only")
    config.addinivalue_line("markers", "production: run on MariaDB + Redis only, on both with --faults")
    config.addinivalue_line("markers", "every_database: run on each database although no fixture asks for one")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    keep_sqlite_in_a_file()
    stack.Stack.forks = True


def keep_sqlite_in_a_file() -> None:
    """A file rather than memory: threads then meet the locks that they meet in production.

    Not by the fixture that pytest-django offers for it: its own of the same name is registered later, and wins.
    """
    if database_kind() == "sqlite":
        name = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.sqlite3"
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(test_folder() / name)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        stop_servers()


def stop_servers() -> None:
    while brokers:
        brokers.popitem()[1].stop()
    while databases:
        databases.pop().stop()
    shutil.rmtree(os.environ.get(FOLDER, ""), ignore_errors=True)


def pytest_report_header() -> str:
    servers = {"sqlite": "SQLite and Valkey", "mariadb": "MariaDB and redis-server"}
    return f"servers: {servers[database_kind()]} in {os.environ[FOLDER]}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if database_kind() == "sqlite" and not config.getoption("--faults"):
        keep(config, items, lambda item: not item.get_closest_marker("production"))
    if os.environ.get("MSGCENTER_TEST_PURE") == "skip":
        keep(config, items, depends_on_servers)


def keep(config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]) -> None:
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = filter(wanted, items)


def depends_on_servers(item: pytest.Item) -> bool:
    if item.get_closest_marker("once"):
        return False
    if item.get_closest_marker("every_database") or item.get_closest_marker("django_db"):
        return True
    case = getattr(item, "cls", None)
    is_django_case = isinstance(case, type) and issubclass(case, TransactionTestCase)
    return is_django_case or not NEEDS_SERVERS.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest) -> Iterator[object]:
    result = yield
    if fixturedef.argname == "django_db_setup":
        with request.getfixturevalue("django_db_blocker").unblock():
            seeds.remember()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    result = yield
    # After the last test the database itself is gone.
    if nextitem and seeds.empties_tables(item):
        with item.config.stash[blocking_manager_key].unblock():
            seeds.restore()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        for one in item.stash.get(stacks_key, []):
            report.sections.extend(one.logs())
    return report


@pytest.fixture(scope="session")
def broker_of_this_process() -> redis_server.RedisServer:
    """The server belongs to the process that started pytest; this is a handle for asking it."""
    return redis_server.RedisServer(test_folder(), port=int(os.environ[PORT]))


@pytest.fixture
def broker(broker_of_this_process: redis_server.RedisServer) -> redis_server.RedisServer:
    broker_of_this_process.flushall()
    return broker_of_this_process


@pytest.fixture
def redis_url(broker: redis_server.RedisServer) -> str:
    return broker.url


@pytest.fixture(scope="session")
def rounds(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    in_full = pytestconfig.getoption("--faults")
    return lambda short, full: full if in_full else short


@pytest.fixture
def live_stack(request: pytest.FixtureRequest) -> Iterator[Callable[..., stack.Stack]]:
    """`live_stack(own_database=False, **environment)` starts a broker and makes a migrated database."""
    stacks: list[stack.Stack] = []
    request.node.stash[stacks_key] = stacks

    def start(*, own_database: bool = False, **environment: str) -> stack.Stack:
        one = stack.Stack(own_database=own_database, environment=environment)
        stacks.append(one)
        return one.start()

    yield start
    for one in reversed(stacks):
        one.stop()
