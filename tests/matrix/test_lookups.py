"""The lists of the admin are narrowed by what they offer and by nothing else: an address would be found out by asking
for its beginning.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.accounts.tests.factories import a_superuser, a_user_with
from apps.core.admin import BaseAdmin
from apps.delivery.models import Suppression
from apps.directory.models import ContactPoint, Person
from apps.directory.tests.factories import a_person, a_school

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGES = {model._meta.label_lower: page for model, page in admin.site._registry.items() if isinstance(page, BaseAdmin)}
#: What our own pages lead to.
LINKS = ("admin:delivery_recipient_changelist ?message", "admin:delivery_delivery_changelist ?message_channel__message")


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(a_superuser())
    return client


def changelist(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def probes(model: type[Model]) -> Iterator[str]:
    """Every column of the rows and of those that they name, and the addresses of people they name."""
    for field in model._meta.concrete_fields:
        if not field.related_model:
            yield f"{field.name}__startswith"
            continue
        yield from (f"{field.name}__{other.name}__startswith" for other in field.related_model._meta.concrete_fields)
        if field.related_model is Person:
            yield f"{field.name}__contact_points__value__startswith"


@pytest.mark.parametrize("label", PAGES)
def test_no_list_tells_how_a_column_begins(root: Client, label: str) -> None:
    page = PAGES[label]
    request = RequestFactory().get("/")
    answered = [probe for probe in probes(page.model) if page.lookup_allowed(probe, "z", request)]
    assert not answered
    asked = list(probes(page.model))[:2]
    assert [root.get(changelist(page.model), {probe: "z"}).status_code for probe in asked] == [400] * len(asked)


@pytest.mark.parametrize("label", PAGES)
def test_every_filter_of_a_list_works(root: Client, rf: RequestFactory, label: str) -> None:
    page = PAGES[label]
    request = rf.get("/")
    request.user = a_superuser()
    for name in offered(page, request):
        assert page.lookup_allowed(name, "1", request), name
    assert root.get(changelist(page.model)).status_code == 200


def offered(page: Any, request: Any) -> Iterator[str]:
    for one in page.get_list_filter(request):
        if callable(one):
            yield from one(request, {}, page.model, page).expected_parameters()
            continue
        path, made = one if isinstance(one, tuple) else (one, admin.FieldListFilter.create)
        field = get_fields_from_path(page.model, path)[-1]
        yield from made(field, request, {}, page.model, page, field_path=path).expected_parameters()


@pytest.mark.parametrize("link", LINKS)
def test_our_own_links_work(root: Client, link: str) -> None:
    name, _space, query = link.partition(" ")
    assert root.get(f"{reverse(name)}{query}=1").status_code == 200


@pytest.mark.parametrize("term", ["hidden", "hidden@", "hidden@school.exampl", "@school.example", "+86199"])
def test_addresses_are_searched_as_a_whole_only(client: Client, term: str) -> None:
    school = a_school()
    person = a_person(school, email="hidden@school.example", mobile="+8619900000111")
    Suppression.objects.create(kind="email", value="hidden@school.example", reason="opted_out")
    client.force_login(a_user_with("unit_manager", school))
    for model, whole in ((ContactPoint, ContactPoint.objects.get(kind="email").pk), (Suppression, None)):
        found = client.get(changelist(model), {"q": term}).context["cl"].result_count
        assert found == 0, model
        listed = client.get(changelist(model), {"q": " Hidden@School.Example"}).context["cl"].result_list
        assert [row.pk for row in listed] == [whole or Suppression.objects.get().pk]
    assert client.get(changelist(type(person)), {"q": term}).context["cl"].result_count == 0


def test_no_page_searches_a_column_that_holds_addresses() -> None:
    """But by a way of its own, as those two do."""
    columns = ("value", "address", "addresses", "body", "email", "contact_point", "secret")
    own = (ContactPoint, Suppression)
    named = [
        f"{label}: {field}"
        for label, page in PAGES.items()
        if page.model not in own
        for field in page.search_fields
        if set(field.split("__")) & set(columns)
    ]
    assert not named
