"""From where an act came: by which door and from which network address, in the form in which it is stored."""

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.accounts.tests.factories import a_client, a_superuser, a_user
from apps.audit import origin
from apps.audit import services as audit
from apps.audit.models import Entry
from apps.directory.models import Person
from apps.directory.tests.factories import a_person, a_school

pytestmark = pytest.mark.django_db


def newest() -> tuple[str, str | None]:
    return Entry.objects.order_by("-sequence").values_list("door", "address").first()


def test_the_api_a_page_and_the_admin_are_told_apart(client: Client) -> None:
    a_client(a_user(person=a_person())).post("/api/v1/devices", {"token": "a"})
    assert newest() == ("api", "127.0.0.1")
    client.force_login(a_superuser(username="root"))
    posted = {"name": "张伟", "kind": "student", "state": "active"}
    formset = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    assert client.post(reverse("admin:directory_person_add"), posted | formset).status_code == 302
    assert Person.objects.filter(name="张伟").exists()
    assert newest() == ("admin", "127.0.0.1")
    client.post(reverse("account_logout"))
    assert newest() == ("page", "127.0.0.1")


def test_outside_of_a_request_it_is_the_system(client: Client) -> None:
    client.get(reverse("account_login"))
    audit.record("begin", a_school(), by=None)
    assert newest() == ("system", None)


@pytest.mark.parametrize(
    ("peer", "stored"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("", None),
        ("unix:", None),
    ],
)
def test_an_address_is_signed_as_the_database_gives_it_back(peer: str, stored: str | None) -> None:
    assert origin.client_address(RequestFactory().get("/", REMOTE_ADDR=peer)) == stored
    a_client(a_user(person=a_person())).post("/api/v1/devices", {"token": "a"}, REMOTE_ADDR=peer)
    assert newest() == ("api", stored)


def test_a_header_counts_only_behind_a_proxy_of_ours() -> None:
    headers = {"X-Forwarded-For": "198.51.100.1, 192.0.2.7"}
    assert origin.client_address(RequestFactory().get("/", headers=headers)) == "127.0.0.1"
