"""`manage.py adopt`: a restored backup takes over, and the log says so."""

from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

from apps.audit.models import Entry
from apps.core import installation
from apps.core.models import Installation

pytestmark = pytest.mark.django_db


def adopt() -> str:
    out = StringIO()
    call_command("adopt", stdout=out)
    return out.getvalue()


def test_adopt_takes_over_once_and_is_audited(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_answer", (False, 0.0))
    Installation.objects.create(pk=installation.ROW, environment_id="there")
    settings.ENVIRONMENT_ID = "here"
    assert not installation.is_ours()
    assert "it belonged to there" in adopt()
    assert installation.is_ours()
    assert "already" in adopt()
    entry = Entry.objects.get(verb="adopt")
    assert (entry.actor_name, entry.object_name, entry.details) == ("msgcenter", "here", {"before": "there"})
    installation.forget()
