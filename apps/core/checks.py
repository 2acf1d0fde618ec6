"""What must not start: settings and databases that would lose or reveal something, told before the first request.

Those of the database run with `migrate` and `check --database default`, the others with every command and worker.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.core.models import Installation

MIN_SECRET = 50
MIN_DIFFERENT = 5
INSECURE_PREFIX = "django-insecure-"
OWN_MACHINE = {"", "localhost", "127.0.0.1", "::1"}
#: The longest a provider may take for one call, in all.
PROVIDER_TOTAL = timedelta(seconds=20)
#: Seconds to wait for Redis, which may be away: everything starts without it.
BROKER_WAIT = 1.0
KEEPS = "noeviction"
UTC_NAMES = {"+00:00", "UTC"}
CHARACTER_SETS = ("character_set_database", "character_set_connection", "character_set_client", "character_set_results")


@register(Tags.security)
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    return [*_debug_in_public(), *_guessable_secret(), *_short_lease(), *_hidden_addresses()]


def _debug_in_public() -> list[CheckMessage]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if not settings.DEBUG or host in OWN_MACHINE:
        return []
    return [
        Error(
            f"MSGCENTER_DEBUG is on and the site has a public address, {settings.PUBLIC_URL}.",
            hint="Error pages would show settings and personal data to anybody. Switch it off.",
            id="core.E001",
        )
    ]


def _guessable_secret() -> list[CheckMessage]:
    key = settings.SECRET_KEY
    if len(key) >= MIN_SECRET and len(set(key)) >= MIN_DIFFERENT and not key.startswith(INSECURE_PREFIX):
        return []
    return [
        Error(
            f"MSGCENTER_SECRET_KEY is shorter than {MIN_SECRET} characters, too uniform or an example.",
            hint="Whoever guesses it can log in as anybody. ./deploy/trial makes a good one.",
            id="core.E002",
        )
    ]


def _short_lease() -> list[CheckMessage]:
    if settings.LEASE >= 2 * PROVIDER_TOTAL:
        return []
    return [
        Warning(
            f"MSGCENTER_LEASE_SECONDS is below twice the longest call to a provider ({PROVIDER_TOTAL.seconds} s).",
            hint="A slow provider's rows would be taken for those of a dead worker.",
            id="core.W001",
        )
    ]


def _hidden_addresses() -> list[CheckMessage]:
    if not settings.PUBLIC_URL.startswith("https://") or settings.REST_FRAMEWORK["NUM_PROXIES"]:
        return []
    return [
        Warning(
            "MSGCENTER_PUBLIC_URL is https, and MSGCENTER_PROXIES is 0: whatever decrypts stands in between.",
            hint="Say how many proxies there are, or everybody has one address, theirs, and the wrong passwords of one "
            "lock out all.",
            id="core.W003",
        )
    ]


@register("broker")
def check_broker(**kwargs: Any) -> list[CheckMessage]:
    """Whether Redis throws away what it was given when its memory is full; one that does not answer says nothing.

    A managed one may not tell its settings: its operator has to know them.
    """
    wait = {"socket_timeout": BROKER_WAIT, "socket_connect_timeout": BROKER_WAIT}
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **wait, retry=Retry(NoBackoff(), 0)) as broker:
            told = broker.config_get("maxmemory*")
    except (redis.RedisError, OSError):
        return []
    policy = told.get("maxmemory-policy", KEEPS)
    if policy == KEEPS or int(told.get("maxmemory", 0)) == 0:
        return []
    return [
        Error(
            f"Redis is limited in memory and evicts by {policy}: doorbells would vanish whole queues at a time.",
            hint=f"Set maxmemory-policy to {KEEPS}: then it refuses what it cannot keep, and nothing waits unheard.",
            id="core.E008",
        )
    ]


@register(Tags.database)
def check_databases(databases: list[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    found = [connections[alias] for alias in databases or []]
    return [message for one in found if one.vendor == "mysql" for message in _unfit_session(one)]


@register(Tags.database)
def check_owner(databases: list[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A copy of a database is told apart from its original by the environment id alone."""
    if not databases:
        return []
    try:
        others = Installation.objects.exclude(environment_id=settings.ENVIRONMENT_ID)
        owner = others.values_list("environment_id", flat=True).first()
    except DatabaseError:
        return []  # before the first migration there are no tables
    if owner is None:
        return []
    return [
        Warning(
            f"This database belongs to {owner!r}, this installation is {settings.ENVIRONMENT_ID!r}: nothing is sent.",
            hint="A copy must not send what the original sends. If this installation takes over from one that has "
            "stopped for good: manage.py adopt. If the two are one: correct MSGCENTER_ENVIRONMENT_ID.",
            id="core.W002",
        )
    ]


def _unfit_session(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    """Asked of a session as the site opens it, for what is set there counts, not what the server would like."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION VARIABLES")
        session = dict(cursor.fetchall())
    isolation = session.get("transaction_isolation") or session.get("tx_isolation")
    rules = [
        ("E003", isolation == "READ-COMMITTED", f"isolates transactions by {isolation}, not READ COMMITTED"),
        ("E004", "STRICT_" in session["sql_mode"], "is not strict: it would cut texts and dates off silently"),
        ("E006", session["time_zone"] in UTC_NAMES, f"lives in time zone {session['time_zone']}, not in UTC"),
    ]
    rules += [("E007", _keeps_commits(session), "may forget the last commits in a power cut, and send them again")]
    rules += [
        ("E005", session[name] == "utf8mb4", f"has {name} {session[name]}, not utf8mb4") for name in CHARACTER_SETS
    ]
    return [
        Error(
            f"The session of database {connection.alias!r} {fault}.",
            hint="Correct the server, or MSGCENTER_DB_* and DATABASES in msgcenter/settings.py.",
            id=f"core.{number}",
        )
        for number, fit, fault in rules
        if not fit
    ]


def _keeps_commits(session: Mapping[str, str]) -> bool:
    """A row marked as sending has to be on disk before the provider is called."""
    return session.get("innodb_flush_log_at_trx_commit", "1") == "1"
