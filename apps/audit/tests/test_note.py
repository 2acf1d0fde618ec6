"""The newest number and signature go to the server's own log every hour: `verify_audit --known` takes them."""

import io
import logging

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from apps.audit import services as audit
from apps.audit.models import Entry, Head
from apps.directory.tests.factories import a_school

pytestmark = pytest.mark.django_db


def test_what_was_noted_finds_out_who_cuts_the_end_off(caplog: pytest.LogCaptureFixture) -> None:
    school = a_school()
    for _ in range(3):
        audit.record("change", school, by=None)
    with caplog.at_level(logging.INFO, logger="apps.audit"):
        audit.note_newest()
    noted = caplog.messages[-1].rpartition(" ")[2]
    assert noted == str(Head.objects.get())
    call_command("verify_audit", "--known", noted, stdout=io.StringIO())
    rows = models.QuerySet(Entry)
    rows.filter(sequence=3).delete()
    Head.objects.update(sequence=2, signature=rows.get(sequence=2).signature)
    call_command("verify_audit", stdout=io.StringIO())
    with pytest.raises(CommandError):
        call_command("verify_audit", "--known", noted, stdout=io.StringIO())


def test_an_empty_log_can_be_noted(caplog: pytest.LogCaptureFixture) -> None:
    assert audit.note_newest().sequence == 0
