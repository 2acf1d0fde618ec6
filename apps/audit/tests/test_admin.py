"""The audit log in the admin: to be searched, never changed."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.admin import changed_names
from apps.audit.models import Entry

LIST = "admin:audit_entry_changelist"


@pytest.fixture
def entry(db: None) -> Entry:
    return Entry.objects.create(
        actor_name="clerk", verb="publish", object_type="messaging.message", object_id="7", object_name="考试安排"
    )


@pytest.mark.parametrize(("typed", "found"), [("clerk", 1), ("message 7", 1), ("message 8", 0), ("somebody", 0)])
def test_an_entry_is_found_by_person_or_object(typed: str, found: int, entry: Entry, admin_client: Client) -> None:
    assert admin_client.get(reverse(LIST), {"q": typed}).context["cl"].result_count == found


def test_an_entry_stays_as_it_is(entry: Entry, admin_client: Client) -> None:
    page = reverse("admin:audit_entry_change", args=[entry.pk])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"verb": "nothing"}).status_code == 403
    admin_client.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert Entry.objects.get(pk=entry.pk).verb == "publish"


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ([{"changed": {"fields": ["Name"]}}], ["Name"]),
        ([{"added": {"name": "membership", "object": "张伟 · 软件1班"}}], ["membership: added"]),
        ([{"changed": {"name": "membership", "object": "x", "fields": ["Unit"]}}], ["membership: Unit"]),
        ([{"deleted": {"name": "membership", "object": "x"}}], ["membership: deleted"]),
        ("Changed password.", ["Changed password."]),
    ],
)
def test_a_change_message_becomes_names_without_values(message: object, names: list[str]) -> None:
    assert changed_names(message) == names
