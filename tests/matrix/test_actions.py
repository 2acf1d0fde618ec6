"""Every action and every field to choose from that the admin offers × everybody, against the same table."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.messages import INFO, WARNING
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import reverse

from apps.channels.models import Channel, ProviderAccount
from apps.messaging.models import Message
from tests.matrix import oracle, world
from tests.matrix.oracle import PEOPLE, Actor
from tests.matrix.table import ADMIN
from tests.matrix.test_matrix import home, leaks, site
from tests.matrix.world import World

__all__ = ["site"]
pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGES = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
ACTIONS = [(label, name) for label, page in ADMIN.items() for name in page.actions]
#: Actions that need a row in another state than the world's: the message, and the channel.
MESSAGES = {"publish": "draft", "recall": "published", "pause": "published", "resume": "paused"}
CHANNELS = {"pause": "push", "resume": "email"}


@pytest.fixture
def as_root(site: World, rf: RequestFactory) -> HttpRequest:
    request = rf.get("/")
    request.user = site.root
    return request


@pytest.mark.parametrize("label", ADMIN)
def test_every_action_has_a_line(as_root: HttpRequest, label: str) -> None:
    offered = set(PAGES[label].get_actions(as_root))
    removed = {"delete_selected"} if ADMIN[label].delete else set()
    assert offered == set(ADMIN[label].actions) | removed


def act(site: World, label: str, name: str, actor: Actor, place: str) -> HttpResponse | None:
    row = row_for(site, label, name, place)
    if row is None:
        return None
    with transaction.atomic():
        prepare(label, name, row)
        posted = {"action": name, "_selected_action": [row.pk]}
        url = reverse(f"admin:{label.replace('.', '_')}_changelist")
        response = site.browser(actor).post(url, posted)
        transaction.set_rollback(True)
    return response


def row_for(site: World, label: str, name: str, place: str) -> Model | None:
    if label == "messaging.message":
        return Message.objects.get(pk=site.places[place].values[MESSAGES[name]])
    if label == "channels.channel" and place == "own":
        return Channel.objects.get(key=CHANNELS.get(name, "sms"))
    return world.row_of(site, label, place)


def prepare(label: str, name: str, row: Model) -> None:
    """There must be something to take back."""
    if (label, name) == ("channels.provideraccount", "resume"):
        ProviderAccount.objects.filter(pk=row.pk).update(paused_reason="x")
    if name == "remove_second_factor":
        Authenticator.objects.create(user=row, type=Authenticator.Type.TOTP, data={})


def done(response: HttpResponse) -> bool:
    """What was done says so; only the console stops everything, after asking."""
    told = getattr(response.wsgi_request, "_messages", None)
    said = told is not None and any(INFO <= one.level < WARNING for one in told._queued_messages)
    return said or response.headers.get("Location", "").endswith(reverse("console:stop_all"))


@pytest.mark.parametrize(("label", "name"), ACTIONS)
def test_input_60_an_action_is_for_those_of_the_table(site: World, label: str, name: str) -> None:
    wrong = []
    for actor in PEOPLE:
        for place in {home(label, actor), "own", "foreign"} & set(oracle.places(actor)):
            response = act(site, label, name, actor, place)
            if response is None:
                continue
            right = oracle.action_answers(label, name, actor, place)
            found = leaks(response, actor)
            if (response.status_code, done(response)) != right or found:
                wrong.append(f"{actor.name}, {place}: {response.status_code, done(response)}, not {right} {found}")
    assert not wrong, "\n".join(wrong)


def fields() -> Iterator[tuple[str, str, str]]:
    """(model, field, model of what is chosen) of every field that is looked up while one types."""
    for page in PAGES.values():
        for one in (page, *page.inlines):
            for name in one.autocomplete_fields:
                yield one.model._meta.label_lower, name, one.model._meta.get_field(name).related_model._meta.label_lower


@pytest.mark.parametrize(("label", "name", "target"), list(fields()))
def test_a_field_to_choose_from_shows_what_is_ones_own(site: World, label: str, name: str, target: str) -> None:
    app, _dot, model = label.partition(".")
    query: dict[str, Any] = {"app_label": app, "model_name": model, "field_name": name}
    wrong = []
    for actor in PEOPLE:
        for term in ("", "Z", "2"):
            response = site.browser(actor).get(reverse("admin:autocomplete"), {**query, "term": term})
            right = oracle.page_answers(target, "view", actor, actor.home)
            if response.status_code != right or leaks(response, actor):
                wrong.append(f"{actor.name}: {response.status_code}, not {right} {leaks(response, actor)}")
    assert not wrong, "\n".join(wrong)
