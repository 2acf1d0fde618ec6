"""Bad input 26 at every address of the API: who has no token, or one that was revoked, gets and changes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from knox.models import get_token_model
from rest_framework.test import APIClient

from apps.accounts import devices, keys
from apps.accounts.keys import KeyDraft
from apps.accounts.tests.factories import a_client, a_superuser, a_user_with
from apps.core.tests.api import refusals
from apps.delivery.tests.factories import a_delivery, a_recipient
from apps.directory.models import Segment
from apps.directory.tests.factories import a_roster
from apps.messaging.tests.bodies import a_body
from apps.messaging.tests.factories import House, a_house, a_message
from msgcenter import api

METHODS = ("get", "post", "put", "patch", "delete")
#: For everybody: the way in, and the pages that describe the API.
OPEN = {"login", "schema", "docs"}
PRODUCT = ("accounts", "audit", "channels", "delivery", "directory", "inbox", "messaging")
DEVICE = "dGVzdA:APA91b_-" + "x" * 150


def doors() -> Iterator[tuple[str, str]]:
    """(method, path) of everything that is not open to everybody, from the addresses themselves."""
    for one in api.urlpatterns:
        if one.name and one.name not in OPEN:
            yield from ((method, str(one.pattern)) for method in METHODS if hasattr(one.callback.view_class, method))


def snapshot() -> dict[str, list[dict[str, Any]]]:
    models = [model for label in PRODUCT for model in apps.get_app_config(label).get_models()]
    models.append(get_token_model())
    return {model._meta.label: list(model.objects.order_by("pk").values()) for model in models}


@pytest.fixture
def house(db: None) -> House:
    return a_house()


@pytest.fixture
def site(house: House) -> dict[str, object]:
    """What the paths speak of is there, so that nothing but the token is missing."""
    message = a_message(house.author, house.department, to=house.room, channels=("inbox", "sms"))
    entry = a_recipient(message, house.reader.person)
    delivery = a_delivery(entry, "sms", status="unknown")
    devices.register(house.reader, DEVICE)
    head = a_user_with("administrator", house.department)
    key = keys.create(KeyDraft(name="x", kind="live", scopes=("see",), unit=house.department), by=head).row
    segment = Segment.objects.create(name="a segment", unit=house.department)
    ids = {"<int:message_id>": message.pk, "<int:entry_id>": entry.pk, "<int:delivery_id>": delivery.pk}
    ids |= {"<int:role_id>": head.roles.get().pk, "<int:key_id>": key.pk, "<int:roster_id>": a_roster(house.school).pk}
    ids |= {"<int:segment_id>": segment.pk}
    return {**ids, "<str:token>": DEVICE, "<str:key>": "sms"}


def nobody() -> APIClient:
    return a_client()


def logged_out() -> APIClient:
    client = a_client(a_superuser())
    assert client.post("/api/v1/logout").status_code == 204
    return client


def body_of(house: House, method: str, path: str) -> dict[str, Any] | None:
    bodies = {"v1/messages": a_body(house), "v1/devices": {"token": DEVICE + "y"}}
    return {"title": "Changed"} if method == "patch" else bodies.get(path) if method == "post" else None


def test_the_doors_are_found() -> None:
    found = set(doors())
    assert {("get", "v1/messages"), ("post", "v1/messages"), ("delete", "v1/devices/<str:token>")} <= found
    assert {("patch", "v1/messages/<int:message_id>"), ("get", "v1/inbox/<int:entry_id>")} <= found
    assert len(found) >= 19


@pytest.mark.parametrize(("client_of", "code"), [(nobody, "not_authenticated"), (logged_out, "authentication_failed")])
@pytest.mark.parametrize(("method", "path"), sorted(doors()))
def test_input_26_without_a_token_or_with_a_revoked_one_it_is_401_and_nothing_is_stored(
    house: House, site: dict[str, object], client_of: Any, code: str, method: str, path: str
) -> None:
    client = client_of()
    body = body_of(house, method, path)
    for name, value in site.items():
        path = path.replace(name, str(value))
    before = snapshot()
    response = getattr(client, method)(f"/api/{path}", body, headers={"Idempotency-Key": "a key"})
    assert refusals(response, 401) == [(code, None)]
    assert response["WWW-Authenticate"] == "Token"
    assert snapshot() == before
