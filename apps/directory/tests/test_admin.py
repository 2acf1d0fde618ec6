"""The directory in the admin: addresses in their one form, changes in the log without their values."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.models import Entry
from apps.directory.models import ContactPoint, Membership, OrgUnit, Person

ADD_CONTACT = "admin:directory_contactpoint_add"
CONTACTS = "admin:directory_contactpoint_changelist"
PEOPLE = "admin:directory_person_changelist"


@pytest.fixture
def person(db: None) -> Person:
    return Person.objects.create(name="张伟", kind=Person.Kind.STUDENT, number="20230001")


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        ("email", " Zhang.Wei@Example.COM ", "zhang.wei@example.com"),
        ("mobile", "138 0013 8000", "+8613800138000"),
        ("mobile", "+86 (0)138-0013-8000", "+8613800138000"),
        ("device", "token-1", "token-1"),
    ],
)
def test_an_address_is_stored_in_its_one_form(
    kind: str, typed: str, stored: str, person: Person, admin_client: Client
) -> None:
    admin_client.post(reverse(ADD_CONTACT), {"person": person.pk, "kind": kind, "value": typed})
    assert ContactPoint.objects.get().value == stored
    entry = Entry.objects.get(object_type="directory.contactpoint")
    assert entry.verb == "create"
    assert stored not in str(vars(entry))


@pytest.mark.parametrize(
    ("kind", "typed"), [("email", "a@b.c\r\nBcc: d@e.f"), ("email", "a@@b.c"), ("mobile", "12"), ("device", "a b")]
)
def test_what_is_no_address_is_refused(kind: str, typed: str, person: Person, admin_client: Client) -> None:
    page = admin_client.post(reverse(ADD_CONTACT), {"person": person.pk, "kind": kind, "value": typed})
    assert "value" in page.context["adminform"].form.errors
    assert not ContactPoint.objects.exists()


def test_the_same_address_typed_differently_is_refused(person: Person, admin_client: Client) -> None:
    ContactPoint.objects.create(person=person, kind="mobile", value="+8613800138000")
    posted = {"person": person.pk, "kind": "mobile", "value": "138-0013-8000"}
    assert admin_client.post(reverse(ADD_CONTACT), posted).status_code == 200
    assert ContactPoint.objects.count() == 1


@pytest.mark.parametrize(("typed", "found"), [("13800138000", 1), ("20230001", 1), ("13900139000", 0)])
def test_an_address_is_found_as_typed_or_by_its_owner(
    typed: str, found: int, person: Person, admin_client: Client
) -> None:
    ContactPoint.objects.create(person=person, kind="mobile", value="+8613800138000")
    answer = admin_client.get(reverse(CONTACTS), {"q": typed})
    assert answer.context["cl"].result_count == found
    assert "+8613800138000" not in answer.content.decode()


def test_a_change_is_logged_by_name_also_that_of_an_inline(person: Person, admin_client: Client) -> None:
    unit = OrgUnit.objects.create(name="软件1班", kind=OrgUnit.Kind.CLASS)
    posted = {
        "name": "张小伟",
        "kind": "student",
        "state": "active",
        "number": "20230001",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-unit": unit.pk,
    }
    page = reverse("admin:directory_person_change", args=[person.pk])
    assert admin_client.post(page, posted).status_code == 302
    assert Membership.objects.filter(person=person, unit=unit).exists()
    changes = Entry.objects.get(verb="change").details["changes"]
    assert changes.pop("name") == ["张伟", "张小伟"]
    assert list(changes.values()) == [[None, "张小伟 (20230001) · 软件1班"]]
    assert admin_client.post(page, {**posted, "memberships-TOTAL_FORMS": 0}).status_code == 302
    assert Entry.objects.filter(verb="change").count() == 1


def test_a_bulk_delete_is_logged_person_by_person(person: Person, admin_client: Client) -> None:
    other = Person.objects.create(name="王芳", kind=Person.Kind.STUDENT)
    posted = {"action": "delete_selected", "_selected_action": [person.pk, other.pk], "post": "yes"}
    admin_client.post(reverse(PEOPLE), posted)
    assert not Person.objects.exists()
    assert set(Entry.objects.filter(verb="delete").values_list("object_name", flat=True)) == {"张伟 (20230001)", "王芳"}


def test_a_single_delete_is_logged_once(person: Person, admin_client: Client) -> None:
    admin_client.post(reverse("admin:directory_person_delete", args=[person.pk]), {"post": "yes"})
    entry = Entry.objects.get(verb="delete")
    assert (entry.object_type, entry.object_id, entry.actor_name) == ("directory.person", str(person.pk), "admin")


def test_who_may_only_look_deletes_nobody(person: Person, client: Client) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_person"))
    client.force_login(reader)
    assert client.get(reverse(PEOPLE)).status_code == 200
    client.post(reverse(PEOPLE), {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"})
    assert client.post(reverse("admin:directory_person_delete", args=[person.pk]), {"post": "yes"}).status_code == 403
    assert Person.objects.filter(pk=person.pk).exists()
    assert not Entry.objects.filter(verb="delete").exists()


def test_a_unit_never_hangs_below_itself(admin_client: Client, db: None) -> None:
    above = OrgUnit.objects.create(name="信息学院", kind=OrgUnit.Kind.COLLEGE)
    below = OrgUnit.objects.create(name="软件1班", kind=OrgUnit.Kind.CLASS, parent=above)
    page = reverse("admin:directory_orgunit_change", args=[above.pk])
    admin_client.post(page, {"name": above.name, "kind": above.kind, "parent": below.pk})
    above.refresh_from_db()
    assert above.parent is None
