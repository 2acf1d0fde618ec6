"""Entries that were written before the log was chained are chained by the migration, in their order."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.audit import chain
from apps.audit import services as audit
from apps.audit.models import Entry, Head
from apps.directory.tests.factories import a_school

BEFORE, AFTER = [("audit", "0001_initial")], [("audit", "0002_chain")]
WRITTEN = 2500


def migrate(to: list[tuple[str, str]]) -> MigrationExecutor:
    executor = MigrationExecutor(connection)
    executor.migrate(to)
    return executor


@pytest.fixture
def old(transactional_db: None) -> Iterator[Callable[[], object]]:
    """The model as it was."""
    executor = migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps.get_model("audit", "Entry")
    migrate(AFTER)


def test_old_entries_are_chained_in_their_order_and_new_ones_follow(old: type) -> None:
    began = datetime(2026, 1, 5, 8, tzinfo=UTC)
    rows = [
        old(
            actor_id=number % 3 or None,
            actor_name="clerk",
            verb="publish",
            object_type="messaging.message",
            object_id=str(number),
            object_name="考试安排 🎓",
            details={"title": "停水", "number": number, "nested": {"b": [1, None], "a": 1.5}},
        )
        for number in range(WRITTEN)
    ]
    old.objects.bulk_create(rows, batch_size=500)
    for number, pk in enumerate(old.objects.order_by("pk").values_list("pk", flat=True)[:5]):
        old.objects.filter(pk=pk).update(at=began + timedelta(microseconds=number * 500_000))
    migrate(AFTER)
    assert Head.objects.get().sequence == WRITTEN
    audit.record("begin", a_school(), by=None)
    assert list(chain.verify(Entry.objects.order_by("sequence"), Head.objects.get())) == []
    found = Entry.objects.order_by("sequence").values_list("object_id", flat=True)
    assert list(found)[:WRITTEN] == [str(number) for number in range(WRITTEN)]
