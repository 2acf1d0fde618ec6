"""Every page of the admin opens, in both languages, at a price that does not grow with the rows."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import ApiKey, Invitation, RoleAssignment, User
from apps.accounts.tests.factories import a_user_with
from apps.audit.models import Entry
from apps.channels.admin import AccountEventInline
from apps.channels.models import Channel, ProviderAccount, SandboxMessage
from apps.core.admin import CappedPaginator
from apps.core.models import Alert
from apps.delivery.models import Attempt, Delivery, Receipt, Recipient, Suppression
from apps.delivery.states import Status
from apps.directory.models import (
    Adviser,
    ContactPoint,
    Membership,
    OrgUnit,
    Person,
    Relation,
    RosterImport,
    Segment,
    SegmentRule,
)
from apps.messaging.models import (
    AudienceRow,
    AudienceRule,
    Message,
    MessageChannel,
    MessageType,
    Template,
)

#: Nothing here asks the database for anything it does not do alike on all of them.
pytestmark = pytest.mark.once
#: Session, user, count and rows come to four; the rest are the choices of filters and forms.
MOST_QUERIES = 20
MACHINE_ROWS = [Recipient, Delivery, Attempt, Receipt, MessageChannel, AudienceRow, SandboxMessage, Entry, Alert]
#: Answers kept for clients that ask twice, what a worker holds, whose database this is, what is counted; codes and
#: links that are on their way; parts of a roster's file, and its lines, which its own page shows.
NOBODYS_BUSINESS = {"messaging.IdempotencyKey", "delivery.Lease", "core.Installation", "audit.Head", "accounts.Tries"}
NOBODYS_BUSINESS |= {"accounts.Challenge", "accounts.Letter", "directory.RosterPart", "directory.RosterChange"}
ADDRESS = "zhang.wei@example.com"


@dataclass
class World:
    """A message on e-mail, and people with a row in every table that has rows per person."""

    unit: OrgUnit
    message: Message
    on_email: MessageChannel
    account: ProviderAccount
    people: int = 0

    def grow(self, people: int) -> None:
        for number in range(self.people, self.people + people):
            _person_with_rows(number, self)
        self.people += people


@pytest.fixture
def world(admin_user: User) -> World:
    unit = OrgUnit.objects.create(name="示例职业学院", kind=OrgUnit.Kind.SCHOOL)
    kind = MessageType.objects.first()
    message = Message.objects.create(title="考试安排", content="((name))", type=kind, unit=unit, author=admin_user)
    AudienceRule.objects.create(message=message, unit=unit)
    channel = Channel.objects.get(key="email")
    on_email = MessageChannel.objects.create(message=message, channel=channel)
    made = World(unit, message, on_email, channel.accounts.get())
    made.grow(2)
    return made


def _person_with_rows(number: int, world: World) -> None:
    unit, message = world.unit, world.message
    person = Person.objects.create(name=f"张伟{number}", kind=Person.Kind.STUDENT, number=f"2023{number}")
    guardian = Person.objects.create(name=f"张军{number}", kind=Person.Kind.GUARDIAN)
    Relation.objects.create(person=guardian, kind=Relation.Kind.GUARDIAN, of=person)
    Membership.objects.create(
        person=person, unit=OrgUnit.objects.create(name=f"软件{number}班", kind="class", parent=unit)
    )
    ContactPoint.objects.create(person=person, kind="email", value=ADDRESS)
    segment = Segment.objects.create(unit=unit, name=f"2024级{number}")
    SegmentRule.objects.create(segment=segment, person=person)
    user = User.objects.create(username=f"student{number}", person=person)
    RoleAssignment.objects.create(user=user, unit=unit, role=RoleAssignment.Role.AUTHOR)
    ApiKey.objects.create(
        name="教务系统", kind="live", prefix=f"mk_live_{number}", unit=unit, created_by=user, expires_at=timezone.now()
    )
    Invitation.objects.create(
        person=person,
        contact_point=person.contact_points.get(),
        digest=str(number),
        invited_by=user,
        expires_at=timezone.now(),
    )
    RosterImport.objects.create(unit=unit, file_name="roster.csv", size=1, sha256="0", created_by=user)
    Adviser.objects.create(person=person, unit=unit)
    Suppression.objects.create(kind="email", value=f"{number}@example.com", reason="opted_out")
    Template.objects.create(type=message.type, name=f"考试{number}", title="考试", content="((name))")
    Alert.objects.create(kind="message_stuck", subject=number, first_at=timezone.now(), last_at=timezone.now())
    _ledger_rows(number, world, person)


def _ledger_rows(number: int, world: World, person: Person) -> None:
    message = world.message
    AudienceRow.objects.create(message=message, person=person, values={"room": "A101"})
    recipient = Recipient.objects.create(message=message, person=person, created_at=timezone.now())
    delivery = Delivery.objects.create(
        message_channel=world.on_email,
        recipient=recipient,
        status=Status.ACCEPTED,
        address=ADDRESS,
        account=world.account,
        updated_at=timezone.now(),
    )
    Attempt.objects.create(
        delivery=delivery,
        number=1,
        account=world.account,
        status=Status.ACCEPTED,
        reference=f"<{number}@example.com>",
        took_ms=4321,
        at=timezone.now(),
    )
    Receipt.objects.create(
        account=world.account,
        delivery_id=delivery.pk,
        attempt=1,
        digest=str(number),
        body=f"To={ADDRESS}",
        result=Receipt.Result.APPLIED,
        reason="delivered",
    )
    SandboxMessage.objects.create(
        account=world.account,
        delivery_id=delivery.pk,
        attempt=1,
        key=f"k{number}",
        addresses=[ADDRESS],
        title="t",
        body="b",
    )


def changelist(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change_page(row: models.Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_every_page_opens(model: type[models.Model], language: str, world: World, admin_client: Client) -> None:
    admin_client.cookies["django_language"] = language
    page = admin_client.get(changelist(model))
    assert page.status_code == 200
    assert page.headers["Content-Language"] == language
    assert admin_client.get(changelist(model), {"q": "20230"}).status_code == 200
    assert admin_client.get(change_page(model.objects.first())).status_code == 200
    may_add = admin.site._registry[model].has_add_permission(page.wsgi_request)
    assert admin_client.get(f"{changelist(model)}add/").status_code == (200 if may_add else 403)


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_a_page_costs_the_same_for_more_rows(model: type[models.Model], world: World, admin_client: Client) -> None:
    row = model.objects.first()
    # The first look at a page may also fill the cache of content types.
    queries(admin_client, change_page(row))
    before = queries(admin_client, changelist(model)), queries(admin_client, change_page(row))
    world.grow(4)
    after = queries(admin_client, changelist(model)), queries(admin_client, change_page(row))
    assert after == before
    assert max(after) <= MOST_QUERIES


@pytest.mark.parametrize("model", MACHINE_ROWS, ids=lambda model: model._meta.label)
def test_machine_rows_cannot_be_changed_even_by_a_superuser(
    model: type[models.Model], world: World, admin_client: Client
) -> None:
    row = model.objects.first()
    before = model.objects.count()
    assert admin_client.get(f"{changelist(model)}add/").status_code == 403
    assert admin_client.post(change_page(row), {"status": "failed"}).status_code == 403
    delete = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_delete", args=[row.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    everything = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    admin_client.post(changelist(model), everything)
    assert model.objects.count() == before


def test_every_model_is_registered_or_part_of_a_page() -> None:
    inlines = {inline.model for page in admin.site._registry.values() for inline in page.inlines}
    inlines.add(AccountEventInline.model)  # only on the page of an account that is there already
    ours = {
        model for config in apps.get_app_configs() if config.name.startswith("apps.") for model in config.get_models()
    }
    missing = ours - inlines - set(admin.site._registry)
    assert {model._meta.label for model in missing} <= NOBODYS_BUSINESS


def test_the_site_bears_our_name_in_both_languages(admin_client: Client) -> None:
    assert "消息中心" in admin_client.get(reverse("admin:index")).content.decode()
    admin_client.cookies["django_language"] = "en"
    assert "msgcenter message centre" in admin_client.get(reverse("admin:index")).content.decode()


def holder(role: str, unit: OrgUnit) -> Client:
    client = Client()
    client.force_login(a_user_with(role, unit))
    return client


def test_a_delivery_is_shown_with_a_masked_address(world: World) -> None:
    client = holder("author", world.unit)
    for url in (changelist(Delivery), change_page(Delivery.objects.first())):
        page = client.get(url).content.decode()
        assert "z***@example.com" in page
        assert ADDRESS not in page


def test_a_delivery_shows_what_happened_to_it_in_order(world: World, admin_client: Client) -> None:
    delivery = Delivery.objects.first()
    admin_client.cookies["django_language"] = "en"
    late = timezone.now() + timedelta(hours=1)
    repeated = {"number": 2, "status": Status.FAILED, "reason": "rejected", "detail": "63 no thanks"}
    Attempt.objects.create(delivery=delivery, account=world.account, at=late, **repeated)
    page = admin_client.get(change_page(delivery)).content.decode()
    story = ["&lt;0@example.com&gt;", "4321", "To=", "The provider refused the message. · 63 no thanks"]
    places = [page.index(part) for part in story]
    assert places == sorted(places)
    assert "&lt;1@example.com&gt;" not in page, "that is of another delivery"


def test_what_a_provider_reported_is_for_superusers(world: World, admin_client: Client) -> None:
    staff = holder("operator", world.unit)
    for row in (Delivery.objects.first(), Receipt.objects.first()):
        assert ADDRESS in admin_client.get(change_page(row)).content.decode()
        page = staff.get(change_page(row)).content.decode()
        assert "delivered" in page
        assert ADDRESS not in page


def test_receipts_are_found_by_delivery_and_by_what_was_made_of_them(world: World, admin_client: Client) -> None:
    receipt = Receipt.objects.last()
    Receipt.objects.filter(pk=receipt.pk).update(result=Receipt.Result.ORPHAN)
    for asked in ({"q": str(receipt.delivery_id)}, {"result__exact": "orphan"}):
        assert list(admin_client.get(changelist(Receipt), asked).context["cl"].result_list) == [receipt]
    for typed in ("9" * 40, "x"):
        assert admin_client.get(changelist(Receipt), {"q": typed}).context["cl"].result_count == 0


def test_an_attempt_is_found_by_its_reference_and_leads_to_its_delivery(world: World, admin_client: Client) -> None:
    page = admin_client.get(changelist(Attempt), {"q": "<1@example.com>"})
    (attempt,) = page.context["cl"].result_list
    assert change_page(attempt.delivery) in page.content.decode()


def test_deliveries_are_found_by_message_and_by_number(world: World, admin_client: Client) -> None:
    other = MessageChannel.objects.create(message=world.message, channel=Channel.objects.get(key="sms"))
    Delivery.objects.filter(recipient__person__number="20231").update(message_channel=other)
    of_message = {"message_channel__message": world.message.pk}
    assert admin_client.get(changelist(Delivery), of_message).context["cl"].result_count == 2
    assert admin_client.get(changelist(Delivery), {"q": "20231"}).context["cl"].result_count == 1
    nobody = {"message_channel__message": world.message.pk + 1}
    assert admin_client.get(changelist(Delivery), nobody).context["cl"].result_count == 0


def test_people_see_the_ledger_of_their_own_units_only(world: World) -> None:
    stranger = a_user_with("author", OrgUnit.objects.create(name="后勤处", kind="department", parent=world.unit))
    client = Client()
    client.force_login(stranger)
    assert client.get(changelist(Delivery)).context["cl"].result_count == 0
    assert client.get(change_page(Recipient.objects.first())).status_code == 302
    RoleAssignment.objects.create(user=stranger, unit=world.unit, role=RoleAssignment.Role.AUTHOR)
    assert client.get(changelist(Delivery)).context["cl"].result_count == 2
    assert client.get(change_page(Recipient.objects.first())).status_code == 200


def test_the_count_stops_where_nobody_turns_the_page(
    world: World, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CappedPaginator, "COUNTED", 1)
    assert admin_client.get(changelist(Delivery)).context["cl"].result_count == 1


def test_a_suppression_is_stored_in_its_one_form_and_found_as_typed(admin_client: Client) -> None:
    posted = {"kind": "mobile", "value": "138 0013 8000", "reason": "opted_out"}
    assert admin_client.post(f"{changelist(Suppression)}add/", posted).status_code == 302
    assert Suppression.objects.get().value == "+8613800138000"
    assert admin_client.get(changelist(Suppression), {"q": "13800138000"}).context["cl"].result_count == 1
    posted = {"kind": "mobile", "value": "call me", "reason": "opted_out"}
    page = admin_client.post(f"{changelist(Suppression)}add/", posted)
    assert "value" in page.context["adminform"].form.errors
    assert Suppression.objects.count() == 1


def test_allow_again_takes_addresses_off_the_list_and_is_audited(world: World, admin_client: Client) -> None:
    admin_client.cookies["django_language"] = "en"
    first, second = Suppression.objects.order_by("pk")
    posted = {"action": "allow_again", "_selected_action": [first.pk]}
    page = admin_client.post(changelist(Suppression), posted, follow=True).content.decode()
    assert "0***@example.com: messages go there again." in page
    assert list(Suppression.objects.all()) == [second]
    entry = Entry.objects.get(verb="allow")
    assert (entry.object_id, entry.actor_name) == (str(first.pk), "admin")
    assert first.value not in f"{entry.object_name}{entry.details}"


def test_input_60_who_may_only_look_at_the_list_is_not_offered_to_change_it(world: World) -> None:
    posted = {"action": "allow_again", "_selected_action": [Suppression.objects.first().pk]}
    for client in (holder("auditor", world.unit), holder("unit_manager", OrgUnit.objects.get(name="软件0班"))):
        assert client.post(changelist(Suppression), posted).status_code == 403
    assert Suppression.objects.count() == 2
