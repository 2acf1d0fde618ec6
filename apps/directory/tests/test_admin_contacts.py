"""Contact points in the admin: where an address comes from, and whether it was verified; relations and advisers."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.directory.models import Adviser, ContactPoint, Person, Relation
from apps.directory.tests.factories import a_class, a_guardian, a_person, a_school

pytestmark = pytest.mark.django_db
VERIFIED = "2026-01-01T00:00Z"


def page_of(row: object) -> str:
    return reverse(f"admin:directory_{row._meta.model_name}_change", args=[row.pk])


@pytest.fixture
def point() -> ContactPoint:
    person = a_person(mobile="+8619900000101")
    ContactPoint.objects.update(source=ContactPoint.Source.ROSTER, verified_at=VERIFIED)
    return person.contact_points.get()


def test_an_address_that_the_staff_changes_is_the_staff_s_and_unverified(
    point: ContactPoint, admin_client: Client
) -> None:
    posted = {"person": point.person_id, "kind": "mobile", "value": "19900000102"}
    posted |= {"verified_at_0": "2026-01-01", "verified_at_1": "08:00:00"}
    assert admin_client.post(page_of(point), posted).status_code == 302
    point.refresh_from_db()
    assert (point.value, point.source, point.verified_at) == ("+8619900000102", "staff", None)


def test_an_address_that_is_only_verified_stays_the_roster_s(point: ContactPoint, admin_client: Client) -> None:
    posted = {"person": point.person_id, "kind": "mobile", "value": "+86 199 0000 0101"}
    posted |= {"verified_at_0": "2026-02-01", "verified_at_1": "08:00:00"}
    assert admin_client.post(page_of(point), posted).status_code == 302
    point.refresh_from_db()
    assert (point.source, point.verified_at.month) == ("roster", 2)


def test_the_source_is_not_to_be_chosen(point: ContactPoint, admin_client: Client) -> None:
    posted = {"person": point.person_id, "kind": "mobile", "value": "+8619900000101", "source": "owner"}
    admin_client.post(page_of(point), posted)
    point.refresh_from_db()
    assert point.source == "roster"


def test_a_guardian_is_not_contacted_about_this_child(admin_client: Client) -> None:
    child = a_person()
    guardian = a_guardian(child)
    relation = Relation.objects.get()
    posted = {"person": guardian.pk, "kind": "guardian", "of": child.pk, "no_contact": "on"}
    assert admin_client.post(page_of(relation), posted).status_code == 302
    relation.refresh_from_db()
    assert relation.no_contact


def test_a_class_gets_an_adviser(admin_client: Client) -> None:
    room, teacher = a_class(a_school()), a_person(kind=Person.Kind.STAFF)
    admin_client.post(reverse("admin:directory_adviser_add"), {"person": teacher.pk, "unit": room.pk})
    assert Adviser.objects.get().unit == room
    assert admin_client.get(reverse("admin:directory_adviser_changelist")).status_code == 200


def test_a_state_is_seen_and_changed(admin_client: Client) -> None:
    person = a_person(a_class(a_school()))
    posted = {"name": person.name, "kind": "student", "number": person.number, "state": "internship", "cohort": "2024"}
    posted |= {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    assert admin_client.post(page_of(person), posted).status_code == 302
    person.refresh_from_db()
    assert (person.state, person.cohort) == ("internship", 2024)
    listed = admin_client.get(reverse("admin:directory_person_changelist"), {"state__exact": "internship"})
    assert listed.context["cl"].result_count == 1
