"""Bad input 63: what would lose or reveal something does not start."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from apps.core import checks
from apps.core.models import Installation
from tests.services.redis_server import RedisServer


def ids(databases: list[str] | None = None) -> list[str]:
    return [one.id for one in run_checks(databases=databases) if one.id.startswith("core.")]


def test_fit_settings_pass() -> None:
    assert ids() == []


@pytest.mark.parametrize("address", ["https://msg.school.example", "http://10.0.0.5:8000", "https://[2001:db8::1]/"])
def test_debug_with_a_public_address_is_refused(settings: Settings, address: str) -> None:
    settings.PUBLIC_URL, settings.DEBUG = address, True
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    assert ids() == ["core.E001"]
    settings.DEBUG = False
    assert ids() == []


@pytest.mark.parametrize("address", ["", "http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_debug_on_ones_own_machine_is_allowed(settings: Settings, address: str) -> None:
    settings.PUBLIC_URL, settings.DEBUG = address, True
    assert ids() == []


@pytest.mark.parametrize("key", ["secret", "a" * 60, "django-insecure-" + "x8!k2#" * 10])
def test_guessable_secret_key_is_refused(settings: Settings, key: str) -> None:
    settings.SECRET_KEY = key
    assert ids() == ["core.E002"]
    with pytest.raises(CommandError, match="MSGCENTER_SECRET_KEY"):
        call_command("check", stdout=StringIO(), stderr=StringIO())


@pytest.mark.parametrize(
    ("policy", "memory", "found"),
    [
        ("allkeys-lru", "100mb", ["core.E008"]),
        ("volatile-ttl", "100mb", ["core.E008"]),
        ("noeviction", "100mb", []),
        ("allkeys-lru", "0", []),
    ],
)
def test_input_63_a_broker_that_evicts_is_refused(
    own_broker: RedisServer, settings: Settings, policy: str, memory: str, found: list[str]
) -> None:
    settings.REDIS_URL = own_broker.url
    own_broker.command("CONFIG", "SET", "maxmemory-policy", policy)
    own_broker.command("CONFIG", "SET", "maxmemory", memory)
    assert ids() == found


def test_without_a_broker_everything_starts(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert ids() == []


@pytest.mark.parametrize(("seconds", "found"), [(39, ["core.W001"]), (40, []), (60, [])])
def test_short_lease_is_a_warning(settings: Settings, seconds: int, found: list[str]) -> None:
    settings.LEASE = timedelta(seconds=seconds)
    assert ids() == found


@pytest.mark.parametrize(
    ("address", "proxies", "found"),
    [
        ("https://msg.school.example", 0, ["core.W003"]),
        ("https://msg.school.example", 1, []),
        ("http://msg.school.example", 0, []),
        ("", 0, []),
    ],
)
def test_encryption_without_a_proxy_is_a_warning(
    settings: Settings, address: str, proxies: int, found: list[str]
) -> None:
    settings.PUBLIC_URL = address
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    assert ids() == found


@pytest.mark.django_db
def test_session_as_the_site_opens_it_passes() -> None:
    assert ids(["default"]) == []


@pytest.mark.django_db
def test_fault_35_a_database_of_another_installation_is_a_warning_that_says_what_to_do(settings: Settings) -> None:
    Installation.objects.create(environment_id="there")
    (found,) = [one for one in run_checks(databases=["default"]) if one.id == "core.W002"]
    assert "'there'" in found.msg
    assert "manage.py adopt" in found.hint
    settings.ENVIRONMENT_ID = "there"
    assert ids(["default"]) == []


@pytest.fixture
def _fresh_session() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_fresh_session")
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has no such settings")
@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", {"core.E003"}),
        ("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", {"core.E003"}),
        ("SET sql_mode = ''", {"core.E004"}),
        ("SET sql_mode = 'NO_ENGINE_SUBSTITUTION'", {"core.E004"}),
        ("SET sql_mode = 'STRICT_ALL_TABLES'", set()),
        ("SET NAMES utf8mb3", {"core.E005"}),
        ("SET character_set_database = latin1", {"core.E005"}),
        ("SET time_zone = '+08:00'", {"core.E006"}),
        ("SET time_zone = 'SYSTEM'", {"core.E006"}),
    ],
)
def test_unfit_session_is_refused(command: str, found: set[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(command)
    assert {one.id for one in checks.check_databases(["default"])} == found
    if found:
        with pytest.raises(CommandError, match="session of database 'default'"):
            call_command("check", databases=["default"], stdout=StringIO(), stderr=StringIO())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_fresh_session")
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has no such settings")
def test_site_speaks_utc_with_a_server_that_lives_elsewhere() -> None:
    def set_zone(zone: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET GLOBAL time_zone = %s", [zone])
        connection.close()

    set_zone("+08:00")
    try:
        assert checks.check_databases(["default"]) == []
        with connection.cursor() as cursor:
            cursor.execute("SELECT ABS(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW()))")
            assert cursor.fetchone()[0] <= 1
    finally:
        set_zone("+00:00")


@pytest.mark.parametrize(("flush", "fit"), [("1", True), ("0", False), ("2", False)])
def test_a_database_that_forgets_commits_in_a_power_cut_is_unfit(flush: str, fit: bool) -> None:
    """Asked without a server: the setting is global, and other tests run on the same one."""
    assert checks._keeps_commits({"innodb_flush_log_at_trx_commit": flush}) is fit
