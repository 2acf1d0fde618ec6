"""SQL that the ORM has no word for, and transactions that are re-run whole when the database asks for it."""

import contextlib
import functools
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, OperationalError, connection, models, transaction
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: MySQL errors after which the whole transaction may be run again: deadlock, lock wait, record changed, server gone,
#: connection lost. Source: MariaDB error code reference.
TRANSIENT = {1213, 1205, 1020, 2006, 2013}
CONNECTION_GONE = {2006, 2013}
TRIES = 3


def transactional(function: Callable[P, T]) -> Callable[P, T]:
    """Run `function` in one transaction, up to three times while the database reports a transient error.

    Everything inside must be conditional on what it finds, because a lost connection leaves open whether the commit
    happened. Inside an outer transaction it runs once: only the outermost can be re-run.
    """
    return _persistent(function, transaction.atomic)


def single_write(function: Callable[P, T]) -> Callable[P, T]:
    """As `transactional`, for a function with one write, which is a transaction by itself.

    Three exchanges with the server less: Django's BEGIN and COMMIT, and back to autocommit.
    """
    return _persistent(function, contextlib.nullcontext)


def _persistent(
    function: Callable[P, T], context: Callable[[], contextlib.AbstractContextManager[object]]
) -> Callable[P, T]:
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        nested = connection.in_atomic_block
        for tries_left in range(TRIES - 1, -1, -1):
            try:
                with context():
                    return function(*args, **kwargs)
            except OperationalError as error:
                if nested or not tries_left or not is_transient(error):
                    raise
                log.info("transaction of %s is run again: %s", function.__name__, error)
                if code(error) in CONNECTION_GONE:
                    connection.close()
        raise AssertionError("unreachable")

    return run


def is_transient(error: OperationalError) -> bool:
    return code(error) in TRANSIENT or "database is locked" in str(error)


def code(error: OperationalError) -> object:
    """MySQL's error number; SQLite has only words."""
    return error.args[0] if error.args else None


def chunks(items: Sequence[T], size: int = 5000) -> Iterator[Sequence[T]]:
    """The items in runs of `size`, for `IN (…)`: every database limits the length of a statement."""
    return (items[start : start + size] for start in range(0, len(items), size))


def insert_rows(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[object]], *, now: str | None = None
) -> None:
    """Insert plain values with one statement per 500 rows; the field `now` gets the database's time.

    For rows that nobody needs as objects afterwards: `bulk_create` costs several times as much.
    """
    quote = connection.ops.quote_name
    fields = (*columns, now) if now else columns
    names = ", ".join(quote(model._meta.get_field(name).column) for name in fields)
    time, _params = models.QuerySet(model).query.get_compiler(connection=connection).compile(Now())
    line = f"({', '.join([*(['%s'] * len(columns)), *([time] if now else [])])})"
    with connection.cursor() as cursor:
        for some in chunks(rows, 500):
            sql = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES {', '.join([line] * len(some))}"
            cursor.execute(sql, list(itertools.chain.from_iterable(some)))


def insert_select(model: type[models.Model], columns: Sequence[str], rows: models.QuerySet) -> int:
    """`INSERT INTO model (columns) SELECT …`: the rows never leave the server. Returns how many were inserted.

    `rows` is a `values_list` queryset whose columns stand in the order of `columns` (field names of `model`).
    """
    quote = connection.ops.quote_name
    names = ", ".join(quote(model._meta.get_field(name).column) for name in columns)
    return _insert_select(f"{quote(model._meta.db_table)} ({names})", rows)


def _insert_select(target: str, rows: models.QuerySet) -> int:
    try:
        sql, params = rows.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        # The ORM sees without asking that there is nothing.
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {target} {sql}", params)
        return cursor.rowcount


#: A name no other table has: the server would take ours for it.
ASIDE = "msgcenter_aside"
#: MySQL looks ids up twice as fast in memory; a million take some 50 MB, more than it allows by default.
LIMIT = "SET SESSION max_heap_table_size = "


@dataclass(frozen=True, slots=True)
class Aside:
    """Ids in a temporary table of this connection. MySQL reads such a table only once in one statement."""

    count: int

    @property
    def ids(self) -> RawSQL:
        """For `…__in`."""
        return RawSQL(f"SELECT id FROM {ASIDE}", [])

    def count_in(self, rows: models.QuerySet) -> int:
        """How many of the ids `rows` brings as well, a `values` of one column."""
        sql, params = rows.query.sql_with_params()
        return self._ask(f"SELECT COUNT(*) FROM {ASIDE} WHERE id IN ({sql})", params)[0]

    def spread(self, number: int) -> list[int]:
        """So many of the ids (two at least), from all over the range, the same ones every time."""
        if not self.count:
            return []
        first, last = self._ask(f"SELECT MIN(id), MAX(id) FROM {ASIDE}")
        near = [first + (last - first) * step // (number - 1) for step in range(number)]
        return sorted({self._ask(f"SELECT MIN(id) FROM {ASIDE} WHERE id >= %s", [one])[0] for one in near})

    def _ask(self, sql: str, params: Sequence[object] = ()) -> tuple[int, ...]:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchone()


@contextlib.contextmanager
def set_aside(ids: models.QuerySet) -> Iterator[Aside]:
    """What a `values_list` of one column of ids finds, looked up once to be asked for many things. Not to be nested."""
    mysql = connection.vendor == "mysql"
    drop = f"DROP {'TEMPORARY ' if mysql else ''}TABLE IF EXISTS {ASIDE}"
    # One may have been left by an error: temporary tables outlive a rollback.
    _execute(drop)
    if mysql:
        _execute(f"{LIMIT}{2**29}")
        _execute(f"CREATE TEMPORARY TABLE {ASIDE} (id bigint NOT NULL, PRIMARY KEY (id) USING BTREE) ENGINE=MEMORY")
    else:
        _execute(f"CREATE TEMPORARY TABLE {ASIDE} (id bigint NOT NULL PRIMARY KEY)")
    try:
        yield Aside(_insert_select(f"{ASIDE} (id)", ids))
    finally:
        with contextlib.suppress(DatabaseError):
            _execute(drop)
            if mysql:
                _execute(f"{LIMIT}DEFAULT")


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
