"""A password that the staff sets and its line in the audit log come together or not at all."""

import pytest
from django.db import models
from django.test import Client
from django.urls import reverse

from apps.accounts.tests.factories import a_superuser, a_user
from apps.audit.models import Entry, Head

pytestmark = pytest.mark.django_db
OLD, NEW = "Autumn-Leaves-7", "Winter-Leaves-8"


def test_a_password_that_cannot_be_noted_is_not_set(client: Client) -> None:
    user = a_user("teacher", password=OLD)
    client.force_login(a_superuser())
    client.raise_request_exception = False
    head = Head.objects.get_or_create(pk=1)[0]
    # Somebody at the database has taken the next number: no entry can be written.
    taken = Entry(sequence=head.sequence + 1, at="2026-01-01T00:00Z", door="page", verb="login")
    models.QuerySet(Entry).bulk_create([taken])
    form = {"usable_password": "true", "password1": NEW, "password2": NEW}
    answer = client.post(reverse("admin:auth_user_password_change", args=[user.pk]), form)
    user.refresh_from_db()
    assert (answer.status_code, user.check_password(OLD)) == (500, True)
