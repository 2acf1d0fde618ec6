"""POST /messages: what is stored, and for whom."""

from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from apps.accounts.tests.factories import an_administrator, an_approver
from apps.audit.models import Entry
from apps.core.tests.api import refusals
from apps.directory.tests.factories import a_person
from apps.messaging.models import AudienceRule, Message, MessageType
from apps.messaging.states import Status
from apps.messaging.tests.bodies import URL, a_body, assert_nothing_stored, assert_refused, post
from apps.messaging.tests.factories import House


def test_a_message_is_stored_as_a_draft_and_shown(house: House) -> None:
    when = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    response = post(
        house.author,
        a_body(
            house, publish_time=when.isoformat(), expires_at=(when + timedelta(hours=1)).isoformat(), urgency="urgent"
        ),
    )
    assert response.status_code == 201
    message = Message.objects.get()
    shown = response.json()
    assert response["Location"] == shown["url"] == f"http://testserver{URL}/{message.pk}"
    assert (message.author, message.unit, message.publish_at) == (house.author, house.department, when)
    assert shown["publish_time"] == when.astimezone(UTC).isoformat().replace("+00:00", "Z")
    told = {name: shown[name] for name in ("id", "status", "title", "type", "urgency", "unit", "channels", "ended_at")}
    assert told == {
        "id": message.pk,
        "status": Status.DRAFT,
        "title": "Water off",
        "type": "notice",
        "urgency": "urgent",
        "unit": house.department.pk,
        "channels": ["inbox"],
        "ended_at": None,
    }
    include = [{"unit": house.room.pk, "reach": "self"}]
    assert shown["audience"] == {"include": include, "exclude": [], "row_count": 0}
    assert Entry.objects.get(object_type="messaging.message").verb == "create"


def test_channels_and_urgency_are_the_types_if_left_out(house: House) -> None:
    exam = MessageType.objects.get(key="exam")
    exam.urgency = "urgent"
    exam.save()
    shown = post(house.author, a_body(house, type="exam", channels=..., urgency=...)).json()
    assert (shown["channels"], shown["urgency"]) == (["inbox", "email", "sms"], "urgent")


def test_uploaded_people_are_the_audience_if_nothing_is_included(house: House) -> None:
    people = [a_person(house.room), a_person(house.room)]
    rows = [{"number": one.number, "values": {"room": f"A{one.pk}"}} for one in people]
    response = post(house.author, a_body(house, content="Room ((room))", audience={"rows": rows}))
    assert response.status_code == 201, response.content
    stored = dict(Message.objects.get().audience_rows.values_list("person", "values"))
    assert stored == {one.pk: {"room": f"A{one.pk}"} for one in people}
    assert response.json()["audience"]["include"] == [{"uploaded": True, "reach": "self"}]


def test_every_kind_of_rule_is_stored(house: House) -> None:
    person = a_person(house.room)
    audience = {
        "include": [{"unit": house.room.pk, "kind": "student", "reach": "both"}, {"person": person.number}],
        "exclude": [{"unit": house.room.pk, "kind": "staff"}],
    }
    assert post(house.author, a_body(house, audience=audience)).status_code == 201
    stored = AudienceRule.objects.values_list("effect", "unit", "kind", "reach", "person")
    assert set(stored) == {
        ("include", house.room.pk, "student", "both", None),
        ("include", None, "", "self", person.pk),
        ("exclude", house.room.pk, "staff", "self", None),
    }


def test_the_unit_must_be_named_by_whoever_writes_for_two(house: House) -> None:
    administrator = an_administrator(house.department)
    administrator.roles.create(unit=house.other, role="author")
    assert_refused(administrator, a_body(house), code="required", attr="unit")
    assert post(administrator, a_body(house, unit=house.other.pk)).json()["unit"] == house.other.pk


def test_a_colleague_may_a_stranger_and_a_reader_may_not_write_for_a_department(house: House) -> None:
    body = a_body(house, unit=house.department.pk)
    assert_refused(house.stranger, body, status=404, code="not_found", attr="unit")
    assert_refused(house.reader, body, status=403, code="permission_denied", attr=None)
    assert_refused(an_approver(house.department), body, status=403, code="permission_denied", attr=None)
    assert post(house.colleague, body).status_code == 201


def test_an_author_may_not_write_an_emergency(house: House) -> None:
    assert_refused(house.author, a_body(house, urgency="emergency"), status=403, code="not_allowed", attr="urgency")
    assert post(an_administrator(house.department), a_body(house, urgency="emergency")).status_code == 201


def test_a_crash_is_500_in_the_same_shape_and_tells_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("apps.messaging.services._write", crash)
    response = post(house.author, a_body(house))
    assert refusals(response, 500) == [("error", None)]
    assert "swordfish" not in response.content.decode()
    assert_nothing_stored()
