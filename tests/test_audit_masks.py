"""No address comes into the audit log by way of a form, and whoever reads it still knows which one was meant."""

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse

from apps.audit.admin import AuditedAdmin
from apps.audit.models import Entry
from apps.delivery.models import Suppression

ADDRESSES = {"value", "address", "addresses", "email", "mobile", "phone", "token"}
SERVED = [model for model, page in admin.site._registry.items() if isinstance(page, AuditedAdmin)]
ADDRESS, SHOWN = "somebody@left.example", "s***@left.example"


def test_every_address_that_a_page_changes_has_a_mask() -> None:
    bare = [
        f"{model._meta.label}.{field.name}"
        for model in SERVED
        for field in model._meta.concrete_fields
        if (field.name in ADDRESSES or isinstance(field, models.EmailField))
        and field.name not in getattr(model, "audit_masks", {})
    ]
    assert Suppression in SERVED
    assert not bare


@pytest.fixture
def listed(admin_client: Client) -> Suppression:
    posted = {"kind": "email", "value": ADDRESS, "reason": "opted_out"}
    assert admin_client.post(reverse("admin:delivery_suppression_add"), posted).status_code == 302
    return Suppression.objects.get()


def told(verb: str) -> object:
    entry = Entry.objects.get(verb=verb, object_type="delivery.suppression")
    assert ADDRESS not in str(vars(entry))
    return entry.details["changes"]["value"]


def test_a_suppression_is_noted_with_its_masked_address(listed: Suppression, admin_client: Client) -> None:
    assert told("create") == [None, SHOWN]
    posted = {"kind": "email", "value": "other@left.example", "reason": "opted_out"}
    page = reverse("admin:delivery_suppression_change", args=[listed.pk])
    assert admin_client.post(page, posted).status_code == 302
    assert told("change") == [SHOWN, "o***@left.example"]


def test_so_is_that_it_is_allowed_again(listed: Suppression, admin_client: Client) -> None:
    chosen = {"action": "allow_again", "_selected_action": [listed.pk]}
    assert admin_client.post(reverse("admin:delivery_suppression_changelist"), chosen).status_code == 302
    assert told("allow") == [SHOWN, None]


def test_and_that_it_is_deleted(listed: Suppression, admin_client: Client) -> None:
    page = reverse("admin:delivery_suppression_delete", args=[listed.pk])
    assert admin_client.post(page, {"post": "yes"}).status_code == 302
    assert told("delete") == [SHOWN, None]
