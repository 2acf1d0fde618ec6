"""Messages are published and recalled in the admin through the services; types and templates are edited there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.tests.factories import a_user_with, an_author
from apps.audit.models import Entry
from apps.core import jobs
from apps.directory.models import OrgUnit
from apps.directory.tests.factories import a_class, a_department, a_person, a_school
from apps.messaging.models import Message, MessageType, Template
from apps.messaging.states import Status
from apps.messaging.tests.factories import a_message

LIST = "admin:messaging_message_changelist"


@dataclass
class Department:
    unit: OrgUnit
    message: Message

    def holder(self, name: str, *, role: str) -> Client:
        user = a_user_with(role, self.unit, username=name)
        client = Client()
        client.force_login(user)
        client.cookies["django_language"] = "en"
        return client


def department_named(name: str, school: OrgUnit) -> Department:
    unit = a_department(school, name)
    room = OrgUnit.objects.get(parent=school, kind=OrgUnit.Kind.CLASS)
    message = a_message(an_author(unit), unit, to=room, channels=("email",), title=f"{name} 停水 <b>")
    return Department(unit, message)


@pytest.fixture
def school(db: None) -> OrgUnit:
    school = a_school()
    a_person(a_class(school), email="zhang.wei@example.com")
    return school


@pytest.fixture
def department(school: OrgUnit) -> Department:
    return department_named("后勤处", school)


@pytest.fixture
def other(school: OrgUnit) -> Department:
    return department_named("教务处", school)


@pytest.fixture
def owner(department: Department) -> Client:
    return department.holder("owner", role="author")


def run(client: Client, action: str, messages: Sequence[Message]) -> list[str]:
    """What the admin says of each message."""
    answer = client.post(reverse(LIST), {"action": action, "_selected_action": [one.pk for one in messages]})
    return [f"{said.level_tag}: {said}" for said in get_messages(answer.wsgi_request)]


def status_of(message: Message) -> str:
    return Message.objects.get(pk=message.pk).status


def test_publish_by_action_starts_the_fan_out(
    department: Department, owner: Client, jobs_outbox: list, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        said = run(owner, "publish", [department.message])
    assert status_of(department.message) == Status.PUBLISHING
    assert jobs_outbox == [(jobs.FAN_OUT, (department.message.pk,), jobs.FAN_OUT_LANE)]
    assert said == [f"success: {department.message}: publishing"]
    entry = Entry.objects.get(verb="publish")
    assert (entry.actor_name, entry.object_id) == ("owner", str(department.message.pk))


def test_recall_by_action_takes_the_message_back(department: Department, owner: Client, jobs_outbox: list) -> None:
    run(owner, "publish", [department.message])
    run(owner, "recall", [department.message])
    assert status_of(department.message) == Status.RECALLED
    entries = Entry.objects.filter(object_type="messaging.message").order_by("pk")
    assert list(entries.values_list("verb", flat=True)) == ["create", "publish", "recall"]


def test_a_planned_message_is_said_to_be_scheduled(department: Department, owner: Client) -> None:
    Message.objects.filter(pk=department.message.pk).update(publish_at=timezone.now() + timedelta(hours=1))
    assert run(owner, "publish", [department.message]) == [f"success: {department.message}: scheduled"]
    assert status_of(department.message) == Status.SCHEDULED


def test_each_message_gets_its_own_answer(department: Department, owner: Client) -> None:
    draft = department.message
    published = Message.objects.create(
        title="已发布", content="", type=draft.type, unit=draft.unit, author=draft.author, status=Status.FINISHED
    )
    said = run(owner, "publish", [draft, published])
    assert sorted(line.partition(":")[0] for line in said) == ["error", "success"]
    assert any("This message is already finished." in line for line in said)
    assert (status_of(draft), status_of(published)) == (Status.PUBLISHING, Status.FINISHED)


def test_input_60_who_may_only_look_publishes_nothing(department: Department) -> None:
    reader = department.holder("reader", role="auditor")
    assert reader.get(reverse(LIST)).context["cl"].result_count == 1
    for action in ("publish", "recall", "delete_selected"):
        posted = {"action": action, "_selected_action": [department.message.pk], "post": "yes"}
        assert reader.post(reverse(LIST), posted).status_code == 403
    assert status_of(department.message) == Status.DRAFT
    assert not Entry.objects.filter(verb__in=["publish", "recall"]).exists()


def test_a_foreign_departments_message_is_not_there(department: Department, other: Department, owner: Client) -> None:
    assert owner.get(reverse(LIST)).context["cl"].result_count == 1
    run(owner, "publish", [other.message])
    assert status_of(other.message) == Status.DRAFT
    page = owner.get(reverse("admin:messaging_message_change", args=[other.message.pk]))
    assert page.status_code == 302


def test_the_services_rights_hold_in_the_admin(department: Department) -> None:
    MessageType.objects.filter(pk=department.message.type_id).update(approval_needed=True)
    author = department.holder("colleague", role="author")
    assert run(author, "publish", [department.message])[0].startswith("error")
    assert status_of(department.message) == Status.DRAFT
    approver = department.holder("approver", role="approver")
    run(approver, "publish", [department.message])
    assert status_of(department.message) == Status.PUBLISHING


def test_a_message_is_read_only_in_the_admin(department: Department, admin_client: Client) -> None:
    page = reverse("admin:messaging_message_change", args=[department.message.pk])
    assert admin_client.post(page, {"status": "published", "title": "x"}).status_code == 403
    assert admin_client.get(reverse("admin:messaging_message_add")).status_code == 403
    delete = reverse("admin:messaging_message_delete", args=[department.message.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    run(admin_client, "delete_selected", [department.message])
    assert status_of(department.message) == Status.DRAFT


def test_the_page_of_a_message_leads_to_its_ledger(department: Department, admin_client: Client) -> None:
    pk = department.message.pk
    page = admin_client.get(reverse("admin:messaging_message_change", args=[pk])).content.decode()
    assert f'{reverse("admin:delivery_delivery_changelist")}?message_channel__message={pk}"' in page
    assert f'{reverse("admin:delivery_recipient_changelist")}?message={pk}"' in page
    assert f'href="{reverse("console:message", args=[pk])}"' in page
    assert "停水 <b>" not in page


@pytest.mark.parametrize(
    ("field", "text"),
    [("title", "((name"), ("content", "((a ((b))"), ("content", "((1))"), ("title", "two\nlines"), ("title", "")],
)
def test_a_template_that_cannot_be_read_is_not_stored(field: str, text: str, admin_client: Client) -> None:
    posted = {"type": MessageType.objects.first().pk, "name": "考试", "title": "考试", "content": "((name))"}
    page = admin_client.post(reverse("admin:messaging_template_add"), {**posted, field: text})
    assert field in page.context["adminform"].form.errors
    assert not Template.objects.exists()


def test_a_template_is_stored_and_logged(admin_client: Client) -> None:
    posted = {"type": MessageType.objects.first().pk, "name": "考试", "title": "考试", "content": "((name)) ((room))"}
    assert admin_client.post(reverse("admin:messaging_template_add"), posted).status_code == 302
    template = Template.objects.get()
    page = reverse("admin:messaging_template_change", args=[template.pk])
    admin_client.post(page, {**posted, "content": "((name))"})
    entries = Entry.objects.filter(object_type="messaging.template").order_by("pk")
    assert [(one.verb, one.details) for one in entries] == [
        ("create", {}),
        ("change", {"changes": {"content": ["((name)) ((room))", "((name))"]}}),
    ]


def test_the_key_of_a_type_stays(admin_client: Client) -> None:
    kind = MessageType.objects.first()
    page = reverse("admin:messaging_messagetype_change", args=[kind.pk])
    admin_client.post(page, {"key": "other", "title": "Notice of the school", "urgency": "urgent", "channels": []})
    before, kind = kind.key, MessageType.objects.get(pk=kind.pk)
    assert (kind.key, kind.title) == (before, "Notice of the school")
