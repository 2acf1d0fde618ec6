"""What a test key writes takes the whole path and never leaves the house, whatever the provider accounts are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from apps.accounts import keys
from apps.accounts.keys import KeyDraft
from apps.accounts.models import User
from apps.accounts.tests.factories import a_client, a_user, a_user_with, with_key
from apps.audit.models import Entry
from apps.channels import accounts, services
from apps.channels.models import Channel, ProviderAccount, SandboxMessage
from apps.delivery.models import Delivery, Suppression
from apps.delivery.states import Status
from apps.directory.models import ContactPoint, OrgUnit
from apps.directory.tests.factories import a_class, a_department, a_person, a_school
from apps.inbox import selectors as inbox
from apps.messaging.models import Message
from tests.school import twilio_settings
from tests.servers.twilio_server import TwilioServer
from workers import sweep
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db
NUMBERS = ("+12025550123", "+12025550199")
DEAD = NUMBERS[1]
BODY = {"title": "Water off", "content": "No water, ((name)).", "type": "notice", "channels": ["inbox", "sms"]}


@pytest.fixture
def twilio(tmp_path: Path) -> Iterator[TwilioServer]:
    with TwilioServer(ledger=tmp_path / "ledger") as running:
        yield running


@pytest.fixture
def office(bell: Bell) -> OrgUnit:
    return a_department(a_school("school"), "office")


@pytest.fixture
def room(office: OrgUnit) -> OrgUnit:
    """Two students; of the second the sandbox would say that the number is dead."""
    room = a_class(office.parent, "class")
    for number, mobile in enumerate(NUMBERS):
        a_person(room, name=f"student {number}", mobile=mobile)
    return room


@pytest.fixture
def head(office: OrgUnit) -> User:
    return a_user_with("administrator", office, username="head")


@pytest.fixture(params=["beside the sandbox", "instead of it", "sandbox off", "no sandbox at all"])
def sms(request: pytest.FixtureRequest, twilio: TwilioServer, office: OrgUnit) -> Channel:
    """The channel, with an account that really sends."""
    channel = Channel.objects.get(key="sms")
    sandbox = channel.accounts.get()
    if request.param == "instead of it":
        ProviderAccount.objects.filter(pk=sandbox.pk).update(weight=0)
    elif request.param == "sandbox off":
        ProviderAccount.objects.filter(pk=sandbox.pk).update(enabled=False, paused_reason="not used")
    elif request.param == "no sandbox at all":
        sandbox.delete()
    real = ProviderAccount.objects.create(channel=channel, name="real", provider="twilio")
    services.configure(real, twilio_settings(twilio.port), by=None)
    return channel


def key_client(head: User, office: OrgUnit, kind: str) -> APIClient:
    draft = KeyDraft(name="教务系统", kind=kind, scopes=("see", "write", "publish"), unit=office)
    return with_key(keys.create(draft, by=head).token)


def sent_by(client: APIClient, room: OrgUnit, bell: Bell) -> Message:
    made = client.post("/api/v1/messages", {**BODY, "audience": {"include": [{"unit": room.pk}]}})
    assert made.status_code == 201, made.content
    assert client.post(f"/api/v1/messages/{made.json()['id']}/publish").status_code == 200
    bell.answer()
    return Message.objects.get(pk=made.json()["id"])


def test_it_goes_into_the_sandbox_and_the_provider_gets_nothing(
    sms: Channel, twilio: TwilioServer, head: User, office: OrgUnit, room: OrgUnit, bell: Bell
) -> None:
    client = key_client(head, office, "test")
    message = sent_by(client, room, bell)
    sweep.finish()
    assert twilio.accepted == []
    assert {tuple(one.addresses) for one in SandboxMessage.objects.all()} == {(NUMBERS[0],)}
    rows = Delivery.objects.filter(message_channel__message=message).order_by("pk")
    assert [(row.status, row.reason) for row in rows] == [(Status.ACCEPTED, ""), (Status.FAILED, "no_such_number")]
    assert {row.account.provider for row in rows} == {"sandbox"}
    assert not Suppression.objects.exists()
    message.refresh_from_db()
    assert (message.sandboxed, message.status) == (True, "finished")
    url = f"/api/v1/messages/{message.pk}"
    assert client.get(url).json()["sandboxed"] is True
    assert client.get(f"{url}/progress").json()["sandboxed"] is True
    assert {one["sandboxed"] for one in client.get(f"{url}/deliveries").json()["results"]} == {True}


@pytest.mark.parametrize("sms", ["instead of it"], indirect=True)
def test_a_live_key_sends_and_the_log_names_both(
    sms: Channel, twilio: TwilioServer, head: User, office: OrgUnit, room: OrgUnit, bell: Bell
) -> None:
    """Or the test above would prove nothing."""
    live, test = (sent_by(key_client(head, office, kind), room, bell) for kind in ("live", "test"))
    assert {entry["to"] for entry in twilio.accepted} == set(NUMBERS)
    assert (live.sandboxed, test.sandboxed) == (False, True)
    for message, kind in ((live, "live"), (test, "test")):
        entries = Entry.objects.filter(object_type="messaging.message", object_id=message.pk)
        assert {(entry.verb, entry.actor_name) for entry in entries} == {("create", "head"), ("publish", "head")}
        assert all(entry.details["key"].startswith(f"mk_{kind}_") for entry in entries)


@pytest.mark.parametrize("sms", ["sandbox off"], indirect=True)
def test_who_sends_it_again_sends_it_into_the_sandbox(
    sms: Channel, twilio: TwilioServer, head: User, office: OrgUnit, room: OrgUnit, bell: Bell
) -> None:
    message = sent_by(key_client(head, office, "test"), room, bell)
    row = Delivery.objects.filter(message_channel__message=message, status=Status.ACCEPTED).get()
    real = ProviderAccount.objects.get(provider="twilio")
    Delivery.objects.filter(pk=row.pk).update(status=Status.UNKNOWN, account=real)
    url = f"/api/v1/messages/{message.pk}/deliveries/{row.pk}/resend"
    assert a_client(head).post(url).status_code == 200
    sweep.promote_waiting()
    bell.answer()
    row.refresh_from_db()
    assert (row.status, row.account.provider, row.attempt) == (Status.ACCEPTED, "sandbox", 2)
    assert twilio.accepted == []


@pytest.mark.parametrize("sms", ["sandbox off"], indirect=True)
def test_doorbells_that_were_lost_are_rung_again_into_the_sandbox(
    sms: Channel, twilio: TwilioServer, head: User, office: OrgUnit, room: OrgUnit, bell: Bell
) -> None:
    ProviderAccount.objects.filter(provider="twilio").update(enabled=False)
    client = key_client(head, office, "test")
    made = client.post("/api/v1/messages", {**BODY, "audience": {"include": [{"unit": room.pk}]}}).json()
    client.post(f"/api/v1/messages/{made['id']}/publish")
    bell.answer("workers.fan_out")
    bell.rung.clear()
    sweep.ring_again()
    bell.answer()
    assert not Delivery.objects.filter(status=Status.QUEUED).exists()
    assert twilio.accepted == []


@pytest.mark.parametrize("sms", ["instead of it"], indirect=True)
def test_nobody_finds_it_in_the_inbox(sms: Channel, head: User, office: OrgUnit, room: OrgUnit, bell: Bell) -> None:
    live, _test = (sent_by(key_client(head, office, kind), room, bell) for kind in ("live", "test"))
    reader = a_user(person=ContactPoint.objects.get(value=NUMBERS[0]).person)
    assert [entry.message for entry in inbox.entries(reader.person)] == [live]
    assert [one["title"] for one in a_client(reader).get("/api/v1/inbox").json()["results"]] == [BODY["title"]]
    assert a_client(reader).get("/api/v1/inbox/unread-count").json() == {"unread": 1}


@pytest.mark.parametrize("sms", ["instead of it"], indirect=True)
def test_a_test_key_does_nothing_to_what_is_meant_in_earnest(
    sms: Channel, twilio: TwilioServer, head: User, office: OrgUnit, room: OrgUnit, bell: Bell
) -> None:
    audience = {"include": [{"unit": room.pk}]}
    draft = key_client(head, office, "live").post("/api/v1/messages", {**BODY, "audience": audience}).json()
    client = key_client(head, office, "test")
    url = f"/api/v1/messages/{draft['id']}"
    for method, path in (("get", ""), ("patch", ""), ("delete", ""), ("post", "/publish"), ("post", "/recall")):
        assert getattr(client, method)(url + path, {} if method == "patch" else None).status_code == 404
    assert client.get("/api/v1/messages").json()["results"] == []
    bell.answer()
    assert Message.objects.get().status == "draft"


@pytest.mark.parametrize("sms", ["instead of it"], indirect=True)
def test_the_same_request_by_a_live_key_is_another_request(
    sms: Channel, head: User, office: OrgUnit, room: OrgUnit, bell: Bell
) -> None:
    """Or the live system would be told that its message is out, and mean the one in the sandbox."""
    body, headers = {**BODY, "audience": {"include": [{"unit": room.pk}]}}, {"Idempotency-Key": "exam-42"}
    answers = [
        key_client(head, office, kind).post("/api/v1/messages", body, headers=headers).status_code
        for kind in ("test", "live")
    ]
    assert answers == [201, 422]


@pytest.mark.parametrize("sms", ["no sandbox at all"], indirect=True)
def test_the_account_of_test_keys_is_made_once_and_not_used_for_anything_else(sms: Channel) -> None:
    made = accounts.sandbox_of(sms)
    assert accounts.sandbox_of(sms) == made
    assert (made.provider, made.enabled, made.weight) == ("sandbox", False, 0)
    assert made not in accounts.in_use(sms)


@pytest.mark.parametrize("sms", ["instead of it"], indirect=True)
def test_the_console_says_so(
    sms: Channel, head: User, office: OrgUnit, room: OrgUnit, bell: Bell, client: object
) -> None:
    message = sent_by(key_client(head, office, "test"), room, bell)
    client.force_login(head)
    client.cookies["django_language"] = "en"
    assert "Written with a test key" in client.get(f"/console/{message.pk}").content.decode()
    assert "sandbox-badge" in client.get("/console/").content.decode()
    assert NUMBERS[0] in client.get("/console/sandbox").content.decode()
