"""The audit log says who did what to which object, outlives them both, and is never changed."""

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.tests.factories import a_user
from apps.audit import services as audit
from apps.audit.models import Entry
from apps.directory.tests.factories import a_unit

pytestmark = pytest.mark.django_db


def test_says_who_did_what_to_which_object() -> None:
    user, unit = a_user("clerk"), a_unit("x" * 100)
    entry = Entry.objects.get(pk=audit.record("rename", unit, by=user, before="y").pk)
    assert (entry.actor_id, entry.actor_name, entry.verb) == (user.pk, "clerk", "rename")
    assert (entry.object_type, entry.object_id, entry.object_name) == ("directory.orgunit", str(unit.pk), "x" * 100)
    assert entry.details == {"before": "y"}


def test_system_has_a_name_and_no_id() -> None:
    entry = audit.record("begin", a_unit(), by=None)
    assert (entry.actor_id, entry.actor_name, entry.details) == (None, "msgcenter", {})


def test_outlives_user_and_object() -> None:
    user, unit = a_user("clerk"), a_unit("room")
    entry = audit.record("rename", unit, by=user)
    user.delete()
    unit.delete()
    found = Entry.objects.get(pk=entry.pk)
    assert (found.actor_name, found.object_name) == ("clerk", "room")


def test_long_name_is_cut() -> None:
    user = a_user("u" * 150)
    user.first_name = "x"
    user.username = "u" * 300
    assert len(audit.record("login", user, by=None).object_name) == 200


def test_cannot_be_changed_or_deleted() -> None:
    entry = audit.record("begin", a_unit(), by=None)
    for act in (
        entry.save,
        entry.delete,
        Entry.objects.all().delete,
        lambda: Entry.objects.update(verb="x"),
        lambda: Entry.objects.filter(pk=entry.pk).update(verb="x"),
        lambda: Entry.objects.bulk_update([entry], ["verb"]),
    ):
        with pytest.raises(TypeError, match="append-only"), transaction.atomic():
            act()
    assert Entry.objects.get().verb == "begin"


def test_cannot_be_written_over_by_another_of_its_number() -> None:
    entry = audit.record("begin", a_unit(), by=None)
    other = Entry(pk=entry.pk, actor_name="x", verb="x", object_type="x", object_id="x", object_name="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        other.save()
    assert Entry.objects.get().verb == "begin"


def test_goes_with_the_act_that_failed() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        audit.record("begin", a_unit(), by=None)
        raise ZeroDivisionError
    assert not Entry.objects.exists()
