"""Transactions are run again whole when the database asks for it, and only then."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import CharField, F, Value
from django.db.models.functions import Concat, Upper

from apps.core.db import insert_select, transactional
from apps.core.tests.threads import together

on_mariadb = pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has one writer and no server")
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite locks the whole database")


def failing(*errors: Exception) -> tuple[Callable[[], str], list[int]]:
    """A function in a transaction that raises these errors, one per run, and then returns; and its runs."""
    runs: list[int] = []

    @transactional
    def function() -> str:
        runs.append(len(runs))
        Group.objects.create(name=f"run {len(runs)}")
        if len(runs) <= len(errors):
            raise errors[len(runs) - 1]
        return "done"

    return function, runs


def names() -> list[str]:
    return list(Group.objects.order_by("pk").values_list("name", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("code", [1213, 1205, 1020, 2006, 2013])
def test_transient_error_rolls_back_and_runs_again(code: int) -> None:
    function, runs = failing(OperationalError(code, "transient"), OperationalError(code, "transient"))
    assert function() == "done"
    assert len(runs) == 3
    assert names() == ["run 3"]


@pytest.mark.django_db(transaction=True)
def test_third_transient_error_is_raised_and_nothing_stored() -> None:
    function, runs = failing(*[OperationalError(1213, "deadlock")] * 3)
    with pytest.raises(OperationalError, match="deadlock"):
        function()
    assert len(runs) == 3
    assert names() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error",
    [OperationalError(1054, "unknown column"), OperationalError(), IntegrityError(1062, "double"), ValueError("ours")],
    ids=str,
)
def test_other_errors_are_raised_at_once(error: Exception) -> None:
    function, runs = failing(error)
    with pytest.raises(type(error)):
        function()
    assert len(runs) == 1
    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_inside_an_outer_transaction_it_runs_once() -> None:
    function, runs = failing(OperationalError(1213, "deadlock"))
    with pytest.raises(OperationalError), transaction.atomic():
        function()
    assert len(runs) == 1


@pytest.mark.django_db(transaction=True)
def test_nested_error_runs_the_outermost_again() -> None:
    inner, runs = failing(OperationalError(1213, "deadlock"))

    @transactional
    def outer() -> str:
        Group.objects.create(name="outer")
        return inner()

    assert outer() == "done"
    assert len(runs) == 2
    assert names() == ["outer", "run 2"]


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_the_commit_happens_once_after_a_rerun() -> None:
    done: list[str] = []
    function, runs = failing(OperationalError(1213, "deadlock"))

    @transactional
    def outer() -> None:
        transaction.on_commit(lambda: done.append("rung"))
        function()

    outer()
    assert len(runs) == 2
    assert done == ["rung"]


@on_mariadb
@pytest.mark.django_db(transaction=True)
def test_real_deadlock_is_run_again_and_both_commit() -> None:
    one, two = (Group.objects.create(name=name).pk for name in ("one", "two"))
    both_hold_one = threading.Barrier(2)
    runs: list[int] = []

    def crossing(first: int, second: int) -> Callable[[], None]:
        started: list[int] = []

        @transactional
        def cross() -> None:
            runs.append(first)
            mark(first)
            if not started:
                started.append(first)
                both_hold_one.wait(10)
            mark(second)

        return cross

    assert together(crossing(one, two), crossing(two, one)) == [None, None]
    assert len(runs) == 3
    assert names() == ["onexx", "twoxx"]


def mark(pk: int) -> None:
    Group.objects.filter(pk=pk).update(name=Concat("name", Value("x")))


@on_mariadb
@pytest.mark.django_db(transaction=True)
def test_lock_wait_timeout_is_run_again() -> None:
    pk = Group.objects.create(name="held").pk
    held, let_go = threading.Event(), threading.Event()
    runs: list[int] = []

    def hold() -> None:
        with transaction.atomic():
            Group.objects.select_for_update().get(pk=pk)
            held.set()
            let_go.wait(20)

    @transactional
    def change() -> None:
        runs.append(pk)
        if len(runs) == 2:
            let_go.set()
        mark(pk)

    def change_impatiently() -> None:
        held.wait(10)
        with connection.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout = 1")
        change()

    assert together(hold, change_impatiently) == [None, None]
    assert len(runs) == 2
    assert names() == ["heldx"]


def kill_own_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        number = cursor.fetchone()[0]
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(f"KILL {number}")
    finally:
        other.close()


@on_mariadb
@pytest.mark.django_db(transaction=True)
def test_connection_killed_in_the_middle_is_opened_again_and_all_of_it_run_again() -> None:
    runs: list[int] = []

    @transactional
    def create() -> None:
        runs.append(1)
        Group.objects.create(name="before")
        if len(runs) == 1:
            kill_own_connection()
        Group.objects.create(name="after")

    create()
    assert len(runs) == 2
    assert names() == ["before", "after"]


@on_mariadb
@pytest.mark.django_db(transaction=True)
def test_connection_killed_before_the_transaction_is_opened_again() -> None:
    function, runs = failing()
    connection.ensure_connection()
    kill_own_connection()
    assert function() == "done"
    assert len(runs) == 1
    assert names() == ["run 1"]


@on_mariadb
@pytest.mark.django_db(transaction=True)
def test_connection_killed_before_the_commit_is_run_again() -> None:
    runs: list[int] = []

    @transactional
    def create() -> None:
        runs.append(1)
        Group.objects.create(name="once")
        if len(runs) == 1:
            kill_own_connection()

    create()
    assert len(runs) == 2
    assert names() == ["once"]


@contextmanager
def sqlite_write_lock() -> Iterator[sqlite3.Connection]:
    other = sqlite3.connect(connection.settings_dict["NAME"], check_same_thread=False)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.rollback()


@contextmanager
def impatient() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 20")
    try:
        yield
    finally:
        connection.close()


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_locked_database_is_tried_again() -> None:
    function, _runs = failing()
    with sqlite_write_lock() as other, impatient():

        class LetGo(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                other.rollback()

        log, handler = logging.getLogger("apps.core.db"), LetGo(logging.INFO)
        log.addHandler(handler)
        level, log.level = log.level, logging.INFO
        try:
            assert function() == "done"
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
    assert names() == ["run 1"]


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_database_that_stays_locked_is_given_up() -> None:
    function, runs = failing()
    with sqlite_write_lock(), impatient(), pytest.raises(OperationalError, match="database is locked"):
        function()
    assert runs == []


@pytest.mark.django_db
def test_insert_select_copies_columns_in_order_and_counts() -> None:
    ContentType.objects.bulk_create(ContentType(app_label="x", model=f"model{i}") for i in range(5))
    rows = ContentType.objects.filter(app_label="x", model__gte="model1").exclude(model="model3")
    copied = rows.annotate(kind=Value("100% '\"`", CharField())).values_list(Concat("kind", Upper("model")))
    assert insert_select(Group, ["name"], copied) == 3
    assert names() == [f"100% '\"`MODEL{i}" for i in (1, 2, 4)]


@pytest.mark.django_db
def test_insert_select_of_nothing_inserts_nothing() -> None:
    assert insert_select(Group, ["name"], ContentType.objects.filter(pk=-1).values_list(F("model"))) == 0


@pytest.mark.django_db
def test_insert_select_inserts_all_or_nothing() -> None:
    ContentType.objects.bulk_create(ContentType(app_label="x", model=f"model{i}") for i in range(3))
    Group.objects.create(name="model1")
    rows = ContentType.objects.filter(app_label="x").order_by("pk").values_list("model")
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_select(Group, ["name"], rows)
    assert names() == ["model1"]
