"""Rows that migrations made (channels, message types) outlive the tests that empty every table.

pytest-django runs such tests last; over several xdist workers that order is lost, and one of them may follow another.
"""

import pytest
from django import test
from django.apps import apps
from django.db import connection, models

EMPTYING = {"transactional_db", "live_server", "django_db_reset_sequences", "django_db_serialized_rollback"}
kept: list[tuple[type[models.Model], list[models.Model]]] = []


def remember() -> None:
    """Call it when the test database has just been migrated."""
    ours = [model for model in apps.get_models(include_auto_created=True) if model.__module__.startswith("apps.")]
    kept[:] = [(model, rows) for model in ours if (rows := list(model._base_manager.all()))]


def restore() -> None:
    with connection.constraint_checks_disabled():
        for model, rows in kept:
            model._base_manager.bulk_create(rows, ignore_conflicts=True)


def empties_tables(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    if marker and (marker.kwargs.get("transaction") or marker.args[:1] == (True,)):
        return True
    case = getattr(item, "cls", None)
    if isinstance(case, type) and issubclass(case, test.TransactionTestCase):
        return not issubclass(case, test.TestCase)
    return not EMPTYING.isdisjoint(getattr(item, "fixturenames", ()))
