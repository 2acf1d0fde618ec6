"""A school with the same things in a department, in a section below it and in another department, and all actors.

Whatever belongs to a place has its mark in its name, so that a page that shows it is found out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts import keys
from apps.accounts.keys import SCOPES, KeyDraft
from apps.accounts.models import ApiKey, Invitation, RoleAssignment, User
from apps.accounts.tests.factories import a_client, a_superuser, a_user, a_user_with
from apps.audit import services as audit
from apps.channels.models import Channel, ProviderAccount, SandboxMessage
from apps.core.models import Alert
from apps.delivery.models import Attempt, Delivery, Receipt, Recipient, Suppression
from apps.directory.models import Adviser, ContactPoint, OrgUnit, Segment, SegmentRule
from apps.directory.tests.factories import a_department, a_guardian, a_person, a_roster, a_school
from apps.messaging.models import AudienceRow, AudienceRule, Message, MessageChannel, MessageType, Template
from apps.messaging.states import Status
from tests.matrix.oracle import KEYS, PEOPLE, Actor

MARKS = {"own": "ZOWN", "sub": "ZSUB", "foreign": "ZFOREIGN"}
#: The beginning of every address.
ADDRESS = "zaddress"
#: No row has this id.
NEVER = 2**40
DEVICE = "dGVzdA:APA91b_-" + "x" * 150


@dataclass
class Place:
    """What there is of everything in one unit: `rows` by label of the model, `values` for addresses."""

    mark: str
    unit: OrgUnit
    rows: dict[str, Model] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def keep(self, row: Model) -> Model:
        self.rows[row._meta.label_lower] = row
        return row


@dataclass
class World:
    places: Mapping[str, Place]
    root: User
    reader: User
    #: Actor -> who he is; keys and anonymous are none.
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)

    #: One of each for all: the first request of a client loads the middleware.
    api_client: APIClient = field(default_factory=lambda: APIClient(raise_request_exception=False))
    page_client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def api(self, actor: Actor) -> APIClient:
        self.api_client.credentials(**({} if actor.anonymous else {"HTTP_AUTHORIZATION": self.tokens[actor.name]}))
        return self.api_client

    def browser(self, actor: Actor) -> Client:
        self.page_client.cookies.clear()
        if not actor.anonymous:
            self.page_client.cookies["sessionid"] = self.sessions[actor.name]
        return self.page_client


def build() -> World:
    school = a_school("示例职业学院")
    office, other = a_department(school, f"{MARKS['own']} office"), a_department(school, f"{MARKS['foreign']} office")
    units = {"own": office, "sub": a_department(office, f"{MARKS['sub']} section"), "foreign": other}
    root = a_superuser(username="keeper")
    reader = a_user("reader", person=a_person(school))
    world = World({name: Place(MARKS[name], unit) for name, unit in units.items()}, root, reader)
    _shared()
    for name, place in world.places.items():
        _people(place)
        _messages(place, root)
        _inbox(place, reader if name != "foreign" else a_user(f"{place.mark} other", person=a_person(other)))
        _rights(place, root)
    for actor in PEOPLE:
        _enter(world, actor, school if actor.school else units[actor.home])
    for actor in KEYS:
        scopes = actor.scopes or tuple(SCOPES)
        draft = KeyDraft(name=actor.name, kind=actor.key, scopes=scopes, unit=office)
        token = keys.create(draft, by=world.users["administrator"]).token
        world.tokens[actor.name] = f"Bearer {token}"
    return world


def _shared() -> None:
    """What belongs to no unit."""
    Template.objects.create(type=MessageType.objects.first(), name="考试", title="考试", content="((name))")
    Suppression.objects.create(kind="email", value=f"{ADDRESS}@left.example", reason="opted_out")
    Alert.objects.create(kind="message_stuck", subject="1", first_at=timezone.now(), last_at=timezone.now())
    Channel.objects.filter(key="email").update(paused_reason="■ stopped")


def _people(place: Place) -> None:
    person = place.keep(
        a_person(place.unit, name=f"{place.mark} student", email=f"{ADDRESS}@{place.mark.lower()}.example")
    )
    guardian = a_guardian(person, name=f"{place.mark} guardian")
    place.keep(place.unit)
    place.keep(ContactPoint.objects.get(person=person))
    place.keep(guardian.relations.get())
    place.keep(Adviser.objects.create(person=person, unit=place.unit))
    segment = place.keep(Segment.objects.create(name=f"{place.mark} segment", unit=place.unit))
    SegmentRule.objects.create(segment=segment, unit=place.unit)
    roster = place.keep(a_roster(place.unit, file_name=f"{place.mark} roster", state="ready"))
    place.values |= {"segment": segment.pk, "roster": roster.pk}
    place.keep(a_user(f"{place.mark} login", person=person))


def _messages(place: Place, root: User) -> None:
    kind = MessageType.objects.get(key="notice")
    for name, status in (("draft", Status.DRAFT), ("published", Status.PUBLISHED), ("paused", Status.PUBLISHED)):
        message = Message.objects.create(
            title=f"{place.mark} {name}", content="x", type=kind, unit=place.unit, author=root, status=status
        )
        AudienceRule.objects.create(message=message, unit=place.unit)
        for key in ("inbox", "sms"):
            MessageChannel.objects.create(message=message, channel=Channel.objects.get(key=key))
        place.values[name] = message.pk
    Message.objects.filter(pk=place.values["paused"]).update(paused_at=timezone.now())
    place.keep(Message.objects.get(pk=place.values["published"]))
    _ledger(place)


def _ledger(place: Place) -> None:
    message: Any = place.rows["messaging.message"]
    person: Any = place.rows["directory.person"]
    on_sms = place.keep(message.message_channels.get(channel__key="sms"))
    account = ProviderAccount.objects.get(channel__key="sms")
    now = timezone.now()
    place.keep(AudienceRow.objects.create(message=message, person=person, values={}))
    recipient = place.keep(Recipient.objects.create(message=message, person=person, created_at=now))
    second = Recipient.objects.create(message=message, person=a_person(place.unit), created_at=now)
    common = {"message_channel": on_sms, "account": account, "updated_at": now, "attempt": 1}
    address = f"{ADDRESS}@{place.mark.lower()}.example"
    Delivery.objects.create(recipient=second, status="failed", reason="unconfirmed", address=address, **common)
    row: Any = place.keep(Delivery.objects.create(recipient=recipient, status="unknown", address=address, **common))
    place.keep(Attempt.objects.create(delivery=row, number=1, account=account, status="unknown", at=now))
    receipt = {"delivery_id": row.pk, "attempt": 1, "digest": place.mark, "body": f"To={address}"}
    Receipt.objects.create(account=account, **receipt)
    kept = {"account": account, "delivery_id": row.pk, "attempt": 1, "key": place.mark, "addresses": [address]}
    SandboxMessage.objects.create(title=f"{place.mark} sandbox", body="x", **kept)
    MessageChannel.objects.filter(pk=on_sms.pk).update(total=2, failed=1)
    place.values["delivery"] = row.pk


def _inbox(place: Place, owner: User) -> None:
    """Of one's own person, or of somebody else's."""
    message: Any = place.rows["messaging.message"]
    entry = Recipient.objects.create(message=message, person=owner.person, created_at=timezone.now())
    device = f"{DEVICE}{place.mark}"
    ContactPoint.objects.create(person=owner.person, kind="device", value=device)
    place.values |= {"entry": entry.pk, "device": device}


def _rights(place: Place, root: User) -> None:
    person = a_person(place.unit, name=f"{place.mark} invited", email=f"{ADDRESS}2@{place.mark.lower()}.example")
    place.keep(
        Invitation.objects.create(
            person=person,
            contact_point=person.contact_points.get(),
            digest=place.mark,
            invited_by=root,
            expires_at=timezone.now() + timedelta(days=7),
        )
    )
    login: Any = place.rows["accounts.user"]
    role = place.keep(RoleAssignment.objects.create(user=login, unit=place.unit, role="recipient"))
    a_user(f"{place.mark} candidate", person=a_person(place.unit))
    key = ApiKey.objects.create(
        name=f"{place.mark} system",
        kind="live",
        prefix=f"mk_live_{place.mark:x<8}",
        unit=place.unit,
        created_by=root,
        expires_at=timezone.now() + timedelta(days=9),
    )
    place.keep(key)
    place.keep(audit.record("change", place.unit, by=None))
    place.values |= {"role": role.pk, "key": key.pk}


def _enter(world: World, actor: Actor, unit: OrgUnit) -> None:
    if actor.anonymous:
        return
    if actor.name == "reader":
        user = world.reader
    elif actor.superuser:
        user = a_superuser(username=actor.name)
    else:
        user = a_user_with(actor.role, unit, username=actor.name)
    world.users[actor.name] = user
    world.tokens[actor.name] = a_client(user)._credentials["HTTP_AUTHORIZATION"]
    browser = Client()
    browser.force_login(user)
    world.sessions[actor.name] = browser.cookies["sessionid"].value


def row_of(world: World, label: str, place: str) -> Model | None:
    """A row of a model in this place; of a model that belongs to no unit, any row, and in the first place only."""
    if label in world.places[place].rows:
        return world.places[place].rows[label]
    return SHARED[label].objects.order_by("pk").first() if place == "own" else None


SHARED: Mapping[str, type[Model]] = {
    model._meta.label_lower: model
    for model in (Channel, ProviderAccount, SandboxMessage, MessageType, Template, Receipt, Suppression, Alert)
}
