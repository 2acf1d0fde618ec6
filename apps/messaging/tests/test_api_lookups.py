"""What a message can be put together from."""

from typing import Any

from apps.accounts.tests.factories import a_client
from apps.channels.models import Channel
from apps.messaging.models import MessageType
from apps.messaging.tests.factories import House, a_template


def rows(user: object, path: str, **parameters: str) -> list[dict[str, Any]]:
    response = a_client(user).get(f"/api/v1/{path}", parameters, headers={"Accept-Language": "en"})
    assert response.status_code == 200, response.content
    return response.json()["results"]


def test_channels_and_whether_they_are_switched_on(house: House) -> None:
    Channel.objects.filter(key="push").update(enabled=False)
    Channel.objects.filter(key="email").update(paused_reason="by somebody")
    listed = {row["key"]: row for row in rows(house.author, "channels")}
    assert listed["sms"] == {"key": "sms", "title": "SMS", "enabled": True, "paused": False}
    assert listed["email"]["paused"]
    assert not listed["push"]["enabled"]
    assert len(listed) == Channel.objects.count()


def test_message_types_with_their_channels(house: House) -> None:
    listed = {row["key"]: row for row in rows(house.author, "message-types")}
    assert listed["notice"] == {
        "key": "notice",
        "title": "Notice",
        "urgency": "general",
        "channels": ["inbox", "email"],
        "approval_needed": False,
    }


def test_units_are_those_one_may_write_to(house: House) -> None:
    units = {row["id"]: row["writable"] for row in rows(house.author, "units")}
    assert house.other.pk not in units
    assert (units[house.department.pk], units[house.room.pk]) == (True, False)
    assert house.department.pk not in {row["id"] for row in rows(house.stranger, "units")}
    assert rows(house.reader, "units") == []


def test_templates_by_type(house: House) -> None:
    template = a_template()
    a_template(type=MessageType.objects.get(key="notice"))
    assert rows(house.author, "templates", type="exam") == [
        {"id": template.pk, "type": "exam", "name": template.name, "title": template.title, "content": template.content}
    ]
    assert len(rows(house.author, "templates")) == 2
