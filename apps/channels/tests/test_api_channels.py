"""POST /channels/{key}/pause, …/resume, /stop and /stop/resume."""

import pytest

from apps.accounts.models import User
from apps.accounts.tests.factories import a_client, an_administrator, an_author
from apps.channels.models import Channel
from apps.core.tests.api import refusals
from apps.directory.tests.factories import a_department, a_school

pytestmark = pytest.mark.django_db
URL = "/api/v1"


@pytest.fixture
def head() -> User:
    return an_administrator(a_school(), username="head")


def paused() -> dict[str, str]:
    return dict(Channel.objects.exclude(paused_reason="").values_list("key", "paused_reason"))


def test_one_channel(head: User) -> None:
    client = a_client(head)
    answer = client.post(f"{URL}/channels/sms/pause", {"reason": "no contract"})
    assert (answer.status_code, answer.json()["paused"], paused()) == (200, True, {"sms": "no contract"})
    assert refusals(client.post(f"{URL}/channels/sms/pause"), 409) == [("conflict", None)]
    assert refusals(client.post(f"{URL}/channels/fax/pause"), 404) == [("not_found", None)]
    assert refusals(client.post(f"{URL}/channels/inbox/pause"), 400) == [("invalid", None)]
    assert client.post(f"{URL}/channels/sms/resume").json()["paused"] is False
    assert paused() == {}


def test_everything_at_once(head: User) -> None:
    client = a_client(head)
    answer = client.post(f"{URL}/stop", {"reason": "wrong text"})
    assert [one["key"] for one in answer.json()] == ["email", "sms", "push"]
    assert set(paused().values()) == {"■ wrong text"}
    assert client.post(f"{URL}/stop").json() == []
    assert len(client.post(f"{URL}/stop/resume").json()) == 3
    assert paused() == {}


@pytest.mark.parametrize("path", ["channels/sms/pause", "channels/sms/resume", "stop", "stop/resume"])
def test_a_department_does_not_brake_the_school(path: str) -> None:
    school = a_school()
    for user in (an_administrator(a_department(school)), an_author(school)):
        assert refusals(a_client(user).post(f"{URL}/{path}"), 403) == [("not_allowed", None)]
    assert paused() == {}


@pytest.mark.parametrize("reason", ["x" * 191, 7, " ", "a\x00b"])
def test_a_reason_that_is_none_is_400(head: User, reason: object) -> None:
    for path in ("stop", "channels/sms/pause"):
        assert a_client(head).post(f"{URL}/{path}", {"reason": reason}).status_code == 400
    assert paused() == {}
