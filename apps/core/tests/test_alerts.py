"""An alert is one row for each kind and subject, and raising it never disturbs whoever raises it."""

import logging
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.tests.factories import a_superuser, an_author
from apps.audit.models import Entry
from apps.core import alerts, jobs
from apps.core.models import Alert
from apps.core.tests.conftest import Ring
from apps.core.tests.threads import together
from apps.directory.tests.factories import a_school
from tests.services.redis_server import RedisServer

STUCK = alerts.Kind.MESSAGE_STUCK
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def rows() -> list[tuple[str, str, str, int, bool]]:
    found = Alert.objects.order_by("pk")
    return [(one.kind, one.subject, one.detail, one.count, one.settled_at is None) for one in found]


@pytest.mark.django_db(transaction=True)
def test_raised_often_is_one_row_that_counts() -> None:
    alerts.raise_alert(STUCK, "1", "first")
    Alert.objects.update(first_at=LONG_AGO, last_at=LONG_AGO)
    alerts.raise_alert(STUCK, "1", "second")
    alerts.raise_alert(STUCK, "2")
    assert rows() == [("message_stuck", "1", "second", 2, True), ("message_stuck", "2", "", 1, True)]
    row = Alert.objects.get(subject="1")
    assert row.first_at == LONG_AGO < row.last_at


@pytest.mark.django_db(transaction=True)
def test_a_settled_one_opens_again() -> None:
    alerts.raise_alert(STUCK, "1")
    alerts.settle(STUCK, "1")
    alerts.settle(STUCK, "unheard of")
    assert rows() == [("message_stuck", "1", "", 1, False)]
    alerts.raise_alert(STUCK, "1", "again")
    assert rows() == [("message_stuck", "1", "again", 2, True)]


@pytest.mark.django_db(transaction=True)
def test_raised_by_many_at_once_is_one_row() -> None:
    together(*[lambda: alerts.raise_alert(STUCK, "1")] * 6)
    assert rows() == [("message_stuck", "1", "", 6, True)]


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_it_is_written_after_the_commit() -> None:
    with transaction.atomic():
        alerts.raise_alert(STUCK, "1")
        assert rows() == []
    assert len(rows()) == 1


@pytest.mark.django_db(transaction=True)
def test_too_long_a_text_is_cut_off() -> None:
    alerts.raise_alert(STUCK, "s" * 200, "д" * 500)
    alerts.raise_alert(STUCK, "s" * 200, "д" * 500)
    assert rows() == [("message_stuck", "s" * 100, "д" * 300, 2, True)]
    alerts.settle(STUCK, "s" * 200)
    assert not rows()[0][-1]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_costs_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with connection.schema_editor() as editor:
        editor.delete_model(Alert)
    try:
        with caplog.at_level(logging.WARNING):
            alerts.raise_alert(STUCK, "1", "why")
            alerts.settle(STUCK, "1")
            with transaction.atomic():
                alerts.raise_alert(STUCK, "1", "why")
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(Alert)
    assert "alert message_stuck, 1: why" in caplog.text
    assert caplog.text.count("the alert could not be written") == 3


@pytest.mark.django_db(transaction=True)
def test_fault_09_a_failed_ring_raises_one_alert_and_the_next_that_works_settles_it(
    broker_at: Ring, own_broker: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker_at(own_broker.url)
    own_broker.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    own_broker.command("CONFIG", "SET", "maxmemory", "1")
    for number in range(5):
        assert not jobs.ring(jobs.FAN_OUT, (number,), lane="fanout")
    assert [(kind, count, is_open) for kind, _subject, _why, count, is_open in rows()] == [("doorbell_failed", 1, True)]
    monkeypatch.setattr(jobs, "_silent_until", 0.0)
    own_broker.command("CONFIG", "SET", "maxmemory", "0")
    assert jobs.ring(jobs.FAN_OUT, (9,), lane="fanout")
    assert not rows()[0][-1]


@pytest.mark.django_db(transaction=True)
def test_rings_that_fail_together_raise_it_once(broker_at: Ring, closed_url: str) -> None:
    broker_at(closed_url)
    rung = together(*[lambda: jobs.ring(jobs.FAN_OUT, (1,), lane="fanout")] * 4)
    assert rung == [False] * 4
    assert [row[3] for row in rows()] == [1]


@pytest.mark.django_db(transaction=True)
def test_a_ring_that_works_asks_the_database_once_and_no_more(
    broker: RedisServer, django_assert_num_queries: object
) -> None:
    jobs.ring(jobs.FAN_OUT, (1,), lane="fanout")
    with django_assert_num_queries(0):
        jobs.ring(jobs.FAN_OUT, (2,), lane="fanout")


@pytest.mark.django_db
def test_the_admin_says_how_many_are_open_to_those_who_may_see_them(client: Client) -> None:
    for subject in ("1", "2", "3"):
        Alert.objects.create(kind=STUCK, subject=subject, first_at="2026-01-01T00:00Z", last_at="2026-01-01T00:00Z")
    Alert.objects.filter(subject="3").update(settled_at="2026-01-02T00:00Z")
    client.cookies["django_language"] = "en"
    client.force_login(an_author(a_school()))
    assert "data-alerts" not in client.get(reverse("admin:index")).content.decode()
    client.force_login(a_superuser())
    assert "2 open alerts" in client.get(reverse("admin:index")).content.decode()
    listed = client.get(reverse("admin:core_alert_changelist"), {"state": "open"})
    assert listed.context["cl"].result_count == 2
    assert "A message does not move" in listed.content.decode()


@pytest.mark.django_db(transaction=True)
def test_settled_in_the_admin_by_somebody_who_is_noted(client: Client) -> None:
    alerts.raise_alert(STUCK, "1")
    page, pk = reverse("admin:core_alert_changelist"), Alert.objects.get().pk
    chosen = {"action": "settle", "_selected_action": [pk]}
    client.force_login(a_superuser(username="root"))
    client.post(page, chosen)
    assert not rows()[0][-1]
    assert Entry.objects.get(verb="settle").actor_name == "root"
