"""Every endpoint × every role × own, subtree and foreign object, against the one table (`table.py`)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.test import client
from django.urls import reverse
from rest_framework.throttling import SimpleRateThrottle

from tests.matrix import endpoints, oracle, world
from tests.matrix.oracle import KEYS, PEOPLE, PLACES, Actor
from tests.matrix.table import ADDRESSES, ADMIN, LINES, UNLISTED
from tests.matrix.world import ADDRESS, MARKS, NEVER, World

pytestmark = [pytest.mark.django_db, pytest.mark.once]
#: What a form of Django's has that is new each time.
TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')
#: Parts of an address -> what of a place they stand for.
PARTS = {"message_id": "published", "delivery_id": "delivery", "entry_id": "entry", "token": "device"}
PARTS |= {"role_id": "role", "key_id": "key", "segment_id": "segment", "roster_id": "roster"}
FIXED = {"key": "sms", "provider": "twilio", "account_id": 0, "attempt": 1, "content_type_id": 1, "object_id": 1}
FIXED |= {"app_label": "directory"}
#: Verbs that need a message in another state.
STATES = dict.fromkeys(
    ("PATCH api:message", "DELETE api:message", "POST api:publish", "GET console:publish", "POST console:publish"),
    "draft",
)
STATES |= dict.fromkeys(("GET console:change", "POST console:change", "POST console:delete"), "draft")
STATES |= dict.fromkeys(("POST api:resume", "POST console:resume"), "paused")
FORMATS = {"POST api:roster_imports": "multipart"}
QUERY = {"GET admin:autocomplete": "?app_label=directory&model_name=membership&field_name=unit"}


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Made once, in a transaction; every request is taken back."""
    patch = pytest.MonkeyPatch()
    for scope in SimpleRateThrottle.THROTTLE_RATES:
        patch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, None)
    # Nobody asks for the contexts of templates here, and copying them costs as much as a query.
    patch.setattr(client, "store_rendered_templates", lambda *args, **kwargs: None)
    patch.setattr(admin.site._wrapped, "enable_nav_sidebar", False)
    with django_db_blocker.unblock(), transaction.atomic():
        yield world.build()
        transaction.set_rollback(True)
    patch.undo()


def ask(site: World, name: str, actor: Actor, place: str) -> HttpResponse:
    """One request, whose effects are taken back."""
    method, _space, endpoint = name.partition(" ")
    api = endpoint.startswith("api:")
    sender = site.api(actor) if api else site.browser(actor)
    url = address(site, name, place)
    with transaction.atomic():
        sent = {"data": body(site, LINES[name].body, place), "format": FORMATS.get(name)} if api else {}
        response = getattr(sender, method.lower())(url, **sent)
        transaction.set_rollback(True)
    return response


def address(site: World, name: str, place: str) -> str:
    endpoint = name.partition(" ")[2]
    if endpoint == "api:pause_channel" or endpoint == "console:pause_channel":
        return reverse(endpoint, args=["push"])
    if endpoint in ("api:resume_channel", "console:resume_channel"):
        return reverse(endpoint, args=["email"])
    converters = endpoints.found()[name].pattern.regex.groupindex
    return reverse(endpoint, kwargs={part: value(site, name, part, place) for part in converters}) + QUERY.get(name, "")


def value(site: World, name: str, part: str, place: str) -> object:
    if part == "id":
        return NEVER if place == "never" else site.places[place].rows["accounts.user"].pk
    if "rosterimport" in name:
        return NEVER if place == "never" else site.places[place].values["roster"]
    if name.endswith(" callback") or part not in PARTS:
        return FIXED.get(part, 1)
    if place == "never":
        return "never" if part == "token" else NEVER
    return site.places[place].values[STATES.get(name, PARTS[part]) if part == "message_id" else PARTS[part]]


def body(site: World, kind: str | None, place: str) -> dict[str, Any] | None:
    unit = NEVER if place == "never" else site.places[place].unit.pk
    mark = MARKS.get(place, "never")
    audience = {"include": [{"unit": unit}]}
    bodies: dict[str, dict[str, Any]] = {
        "message": {"title": "x", "content": "x", "type": "notice", "unit": unit, "audience": audience},
        "title": {"title": "Changed"},
        "device": {"token": "new-device"},
        "role": {"username": f"{mark} candidate", "role": "recipient", "unit": unit},
        "audience": {"audience": audience},
        "segment": {"name": "x", "unit": unit, **audience},
        "name": {"name": "Changed"},
        "options": {"complete": False},
        "roster": {"file": SimpleUploadedFile("roster.csv", b"number,name\n1,x\n"), "unit": unit},
        "key": {"name": "x", "kind": "live", "scopes": ["see"], "unit": unit},
    }
    return bodies[kind] if kind else None


def actors_of(name: str) -> tuple[Actor, ...]:
    """At a door that is open to everybody, who somebody is makes no difference."""
    if LINES[name].open:
        return tuple(one for one in PEOPLE if one.name in ("anonymous", "reader", "superuser"))
    return PEOPLE + KEYS if " api:" in name else PEOPLE


def leaks(response: HttpResponse, actor: Actor) -> str:
    """What the answer shows that this actor must not see."""
    text = b"" if response.streaming else response.content
    # Addresses have the mark in lower case.
    lower = text.lower()
    if any(mark.lower().encode() in lower for place, mark in MARKS.items() if not actor.reaches(place)):
        return "a foreign name or address"
    return "an address" if ADDRESS.encode() in text and not actor.holds(ADDRESSES) else ""


# --- the table is whole -----------------------------------------------------------------------------------------------
def test_every_endpoint_has_a_line() -> None:
    offered = endpoints.found().keys() - UNLISTED
    assert (sorted(offered - LINES.keys()), sorted(LINES.keys() - offered)) == ([], [])


def test_every_model_of_the_admin_has_a_line() -> None:
    offered = {model._meta.label_lower for model in admin.site._registry}
    assert (sorted(offered - ADMIN.keys()), sorted(ADMIN.keys() - offered)) == ([], [])


# --- the table is kept ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LINES)
def test_everybody_is_answered_as_the_table_says(site: World, name: str) -> None:
    wrong = []
    for actor in actors_of(name):
        for place in oracle.places(actor) if oracle.has_object(name, LINES[name]) else ("own",):
            response = ask(site, name, actor, place)
            right = oracle.answers(name, LINES[name], actor, place)
            found = leaks(response, actor)
            if response.status_code not in right or found:
                wrong.append(f"{actor.name}, {place}: {response.status_code}, not {sorted(right)} {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [name for name, line in LINES.items() if line.lists])
def test_lists_show_what_belongs_to_ones_units_and_nothing_else(site: World, name: str) -> None:
    wrong = []
    for actor in actors_of(name):
        text = ask(site, name, actor, "own").content.decode()
        shown = {place: mark in text for place, mark in MARKS.items()}
        right = oracle.lists(LINES[name], actor)
        expected = {place: right and actor.reaches(place) for place in PLACES}
        if shown != expected:
            wrong.append(f"{actor.name}: {shown}")
    assert not wrong, "\n".join(wrong)


WITH_OBJECT = [name for name, line in LINES.items() if oracle.has_object(name, line)]


@pytest.mark.parametrize("name", WITH_OBJECT)
def test_what_is_foreign_is_answered_as_what_never_was(site: World, name: str) -> None:
    """To the last byte; so also for whom the unit's own things are none of his business."""
    wrong = []
    for actor in actors_of(name):
        if actor.name not in ("administrator", "author", "auditor", "recipient", "reader", "live key"):
            continue
        foreign, never = (ask(site, name, actor, place) for place in ("foreign", "never"))
        if foreign.status_code != never.status_code or told(foreign) != told(never):
            wrong.append(f"{actor.name}: {foreign.status_code}, {never.status_code}")
    assert not wrong, "\n".join(wrong)


def told(response: HttpResponse) -> bytes:
    """But for the address that was asked, to which a page leads back."""
    return TOKEN.sub(b"", response.content).replace(response.wsgi_request.path.encode(), b"")


# --- the admin --------------------------------------------------------------------------------------------------------
def admin_url(label: str, verb: str, row: Any) -> str:
    name = label.replace(".", "_")
    return reverse(f"admin:{name}_{verb}", args=[] if verb in ("changelist", "add") else [row.pk])


def ask_admin(site: World, label: str, verb: str, actor: Actor, place: str) -> HttpResponse | None:
    """None where there is nothing of this model in this place."""
    row = world.row_of(site, label, place)
    if row is None:
        return None
    browser = site.browser(actor)
    with transaction.atomic():
        if verb == "bulk":
            chosen = {"action": "delete_selected", "_selected_action": [row.pk]}
            response = browser.post(admin_url(label, "changelist", row), chosen)
        elif verb == "save":
            response = browser.post(admin_url(label, "change", row), {})
        else:
            response = browser.get(admin_url(label, "changelist" if verb == "list" else verb, row))
        transaction.set_rollback(True)
    return response


def admin_answer(label: str, verb: str, actor: Actor, place: str) -> int:
    if verb in ("list", "bulk"):
        seen = oracle.page_answers(label, "view", actor, place)
        if verb == "list" or seen != 200:
            return seen
        return oracle.page_answers(label, "delete", actor, place)
    return oracle.page_answers(label, {"change": "view"}.get(verb, verb), actor, place)


#: Verb -> for which places; none: where the actor is at home.
ADMIN_VERBS = {"list": (), "bulk": (), "add": (), "change": PLACES, "save": ("own", "foreign")}
ADMIN_VERBS |= {"delete": ("own", "foreign"), "history": ("foreign",)}


def home(label: str, actor: Actor) -> str:
    """What belongs to no unit is in the first place only."""
    return "own" if ADMIN[label].whole else actor.home


@pytest.mark.parametrize("label", ADMIN)
def test_input_60_the_admin_answers_as_the_table_says(site: World, label: str) -> None:
    wrong = []
    for actor in PEOPLE:
        for verb, places in ADMIN_VERBS.items():
            for place in set(places) & set(oracle.places(actor)) if places else [home(label, actor)]:
                response = ask_admin(site, label, verb, actor, place)
                right = admin_answer(label, verb, actor, place)
                if response is None:
                    continue
                found = leaks(response, actor)
                # A form that needs nothing is saved, and goes on to the list.
                saved = verb == "save" and right == 200 and response.status_code == 302
                if (response.status_code != right and not saved) or found:
                    wrong.append(f"{actor.name}, {verb}, {place}: {response.status_code}, not {right} {found}")
    assert not wrong, "\n".join(wrong)
