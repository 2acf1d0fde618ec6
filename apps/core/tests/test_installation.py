"""A database belongs to one installation; a copy of it knows that it is a copy."""

import pytest
from pytest_django.fixtures import Settings

from apps.core import alerts, installation
from apps.core.models import Alert, Installation
from apps.core.tests.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.ENVIRONMENT_ID = "here"
    monkeypatch.setattr(installation, "_answer", (False, 0.0))
    monkeypatch.setattr(installation, "_alert_again", 0.0)


def owners() -> list[str]:
    return list(Installation.objects.values_list("environment_id", flat=True))


def mismatches() -> list[bool]:
    rows = Alert.objects.filter(kind=alerts.Kind.ENVIRONMENT_MISMATCH)
    return [settled_at is None for settled_at in rows.values_list("settled_at", flat=True)]


def test_the_first_to_start_claims_a_new_database() -> None:
    assert installation.claim()
    assert installation.claim()
    assert owners() == ["here"]
    assert mismatches() == []


def test_many_that_start_together_claim_it_once() -> None:
    assert together(*[installation.owner] * 6) == ["here"] * 6
    assert owners() == ["here"]


def test_fault_35_a_copy_is_not_ours_and_says_so_once(settings: Settings) -> None:
    installation.claim()
    settings.ENVIRONMENT_ID = "elsewhere"
    assert not installation.claim()
    assert not installation.is_ours()
    installation.forget()
    assert not installation.is_ours()
    assert owners() == ["here"]
    assert mismatches() == [True]
    assert Alert.objects.get().count == 1


def test_the_answer_is_kept_for_a_few_seconds(
    django_assert_num_queries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.claim()
    with django_assert_num_queries(0):
        assert installation.is_ours()
    Installation.objects.update(environment_id="somebody else")
    assert installation.is_ours()
    monkeypatch.setattr(installation, "CACHED", 0.0)
    installation.forget()
    assert not installation.is_ours()


def test_who_adopts_it_may_send_and_the_alert_is_over(settings: Settings) -> None:
    Installation.objects.create(pk=installation.ROW, environment_id="there")
    assert not installation.claim()
    assert installation.adopt()[1] == "there"
    assert installation.is_ours()
    assert owners() == ["here"]
    assert mismatches() == [False]
