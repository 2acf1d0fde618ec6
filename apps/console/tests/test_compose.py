"""Writing a message in the form: what it stores, and that what it refuses is said at the field."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils.html import escape

from apps.accounts.tests import factories as accounts
from apps.channels.models import Channel
from apps.console.tests.conftest import School, client_of
from apps.core.errors import Conflict
from apps.directory.models import OrgUnit
from apps.directory.tests import factories as directory
from apps.messaging import services as messaging
from apps.messaging.drafts import Rule
from apps.messaging.models import AudienceRule, Message, MessageType
from apps.messaging.states import Status
from apps.messaging.tests import factories as messages

pytestmark = pytest.mark.django_db


def a_form(school: School, **fields: object) -> dict[str, object]:
    return {
        "title": "停水通知",
        "content": "周五停水。",
        "type": MessageType.objects.get(key="notice").pk,
        "urgency": "general",
        "unit": school.academic.unit.pk,
        "channels": list(Channel.objects.filter(key__in=["inbox", "email"]).values_list("pk", flat=True)),
        "units": [school.classes[0].pk],
        "kind": "student",
        "reach": "self",
        "start": "now",
        "save": "1",
        **fields,
    }


def test_a_draft_is_stored_as_it_was_written(school: School) -> None:
    answer = school.academic.page.post("/console/new", a_form(school, without=[school.classes[1].pk]))
    message = Message.objects.get()
    assert answer.headers["Location"] == f"/console/{message.pk}"
    assert (message.title, message.content, message.author) == ("停水通知", "周五停水。", school.academic.author)
    assert message.status == Status.DRAFT
    assert {row.channel.key for row in message.message_channels.all()} == {"inbox", "email"}
    rules = [(rule.effect, rule.unit, rule.kind, rule.reach) for rule in message.audience_rules.all()]
    assert rules == [
        ("include", school.classes[0], "student", "self"),
        ("exclude", school.classes[1], "student", "self"),
    ]


def test_publish_asks_first_and_says_how_many(school: School) -> None:
    page = school.academic.page
    address = page.post("/console/new", a_form(school, publish="1")).headers["Location"]
    assert Message.objects.get().status == Status.DRAFT
    asked = page.get(address).content.decode()
    assert "将发送给 <strong>2</strong> 人" in asked
    page.post(address)
    assert Message.objects.get().status == Status.PUBLISHING


def test_local_times_are_the_schools(school: School) -> None:
    school.academic.page.post("/console/new", a_form(school, start="later", publish_at="2027-01-05T08:30"))
    assert Message.objects.get().publish_at == datetime(2027, 1, 5, 0, 30, tzinfo=UTC)


def test_a_time_behind_publish_now_is_ignored(school: School) -> None:
    school.academic.page.post("/console/new", a_form(school, publish_at="2027-01-05T08:30"))
    assert Message.objects.get().publish_at is None


@pytest.mark.parametrize("at", ["2027-03-28T02:30", "2027-10-31T02:30"])
def test_a_time_the_clock_skips_or_shows_twice_is_refused(school: School, settings: object, at: str) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    answer = school.academic.page.post("/console/new", a_form(school, start="later", publish_at=at))
    assert answer.status_code == 400
    assert "publish_at" in answer.context["form"].errors
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("title", "", "title"),
        ("title", "x" * 201, "title"),
        ("title", "两\n行", "title"),
        ("content", "", "content"),
        ("content", "((room", "content"),
        ("content", "((room))", "content"),
        ("content", "a\x00b", "content"),
        ("channels", [], "channels"),
        ("channels", ["999"], "channels"),
        ("units", [], "units"),
        ("units", ["x"], "units"),
        ("type", "999", "type"),
        ("urgency", "emergency", "urgency"),
        ("urgency", "loud", "urgency"),
        ("expires_at", "2020-01-01T00:00", "expires_at"),
        ("expires_at", "9999-01-01T00:00", "expires_at"),
        ("expires_at", "soon", "expires_at"),
        ("start", "", "start"),
    ],
)
def test_what_is_refused_is_said_at_its_field(school: School, field: str, value: object, at: str) -> None:
    answer = school.academic.page.post("/console/new", a_form(school, **{field: value}))
    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == [at]
    assert not Message.objects.exists()


def test_a_set_time_needs_a_time(school: School) -> None:
    answer = school.academic.page.post("/console/new", a_form(school, start="later"))
    assert list(answer.context["form"].errors) == ["publish_at"]


def test_expiry_before_publishing_is_refused(school: School) -> None:
    times = {"start": "later", "publish_at": "2027-01-05T08:30", "expires_at": "2027-01-05T08:00"}
    answer = school.academic.page.post("/console/new", a_form(school, **times))
    assert list(answer.context["form"].errors) == ["expires_at"]


def test_nothing_typed_is_lost(school: School) -> None:
    page = school.academic.page.post("/console/new", a_form(school, title="", content="<仍在>")).content.decode()
    assert escape("<仍在>") in page
    assert re.search(rf'value="{school.classes[0].pk}" id="units-{school.classes[0].pk}" checked', page)


def test_units_out_of_reach_are_neither_offered_nor_accepted(school: School) -> None:
    foreign = school.logistics.unit.pk
    page = school.academic.page
    assert f'id="units-{foreign}"' not in page.get("/console/new").content.decode()
    answer = page.post("/console/new", a_form(school, units=[foreign]))
    assert list(answer.context["form"].errors) == ["units"]


def test_nobody_writes_in_a_foreign_departments_name(school: School) -> None:
    answer = school.academic.page.post("/console/new", a_form(school, unit=school.logistics.unit.pk))
    assert list(answer.context["form"].errors) == ["unit"]


def test_the_sender_is_hidden_where_there_is_only_one(school: School) -> None:
    assert school.academic.page.get("/console/new").context["form"]["unit"].is_hidden
    assert not client_of(accounts.a_superuser()).get("/console/new").context["form"]["unit"].is_hidden


def test_emergency_is_offered_to_administrators_only(school: School) -> None:
    assert 'value="emergency"' not in school.academic.page.get("/console/new").content.decode()
    administrator = client_of(accounts.an_administrator(school.unit))
    assert 'value="emergency"' in administrator.get("/console/new").content.decode()


@pytest.mark.parametrize("role", ["none", "approver"])
def test_only_authors_write(school: School, role: str) -> None:
    user = accounts.a_user() if role == "none" else accounts.an_approver(school.academic.unit)
    assert client_of(user).get("/console/new").status_code == 403
    assert client_of(user).post("/console/new", a_form(school)).status_code == 403


def test_a_draft_is_changed_in_the_same_form(school: School) -> None:
    message = messages.a_message(school.academic.author, school.academic.unit, to=school.classes[0])
    page = school.academic.page
    form = page.get(f"/console/{message.pk}/change").context["form"]
    assert form["units"].value() == [school.classes[0].pk]
    page.post(f"/console/{message.pk}/change", a_form(school, title="改过的", units=[school.classes[1].pk]))
    message.refresh_from_db()
    assert message.title == "改过的"
    assert [rule.unit for rule in message.audience_rules.all()] == [school.classes[1]]


def an_uploaded_message(school: School) -> Message:
    person = directory.a_person(school.classes[0])
    return messages.a_message(
        school.academic.author,
        school.academic.unit,
        content="考场((room))",
        rules=(Rule(uploaded=True),),
        rows={person.pk: {"room": "A101"}},
    )


def test_an_uploaded_audience_stays_when_the_text_is_changed(school: School) -> None:
    message = an_uploaded_message(school)
    fields = a_form(school, content="请到((room))", units=[school.classes[1].pk])
    answer = school.academic.page.post(f"/console/{message.pk}/change", fields)
    assert answer.status_code == 302
    message.refresh_from_db()
    assert message.content == "请到((room))"
    assert [rule.uploaded for rule in message.audience_rules.all()] == [True]
    assert [row.values for row in message.audience_rows.all()] == [{"room": "A101"}]


def test_an_error_of_a_kept_audience_is_said_above_the_form(school: School) -> None:
    message = an_uploaded_message(school)
    AudienceRule.objects.update(uploaded=False, unit=school.logistics.unit)
    answer = school.academic.page.post(f"/console/{message.pk}/change", a_form(school))
    assert answer.context["form"].non_field_errors()


def test_a_published_message_is_not_changed(school: School) -> None:
    message = messages.a_published_message(school.academic.author, school.academic.unit, to=school.classes[0])
    page = school.academic.page
    assert page.get(f"/console/{message.pk}/change").status_code == 302
    assert page.post(f"/console/{message.pk}/change", a_form(school, title="改")).status_code == 400
    message.refresh_from_db()
    assert message.title == "Water off"
    with pytest.raises(Conflict):
        messaging.delete(message, by=school.academic.author)


def test_a_tree_of_800_classes_costs_no_query_per_class(school: School, django_assert_max_num_queries: object) -> None:
    OrgUnit.objects.bulk_create(OrgUnit(name=f"班{i}", kind="class", parent=school.unit) for i in range(800))
    page: Client = school.academic.page
    with django_assert_max_num_queries(45):
        page.get("/console/new")
