"""The brakes: one channel, or all at once. Only who answers for the whole school may use them."""

from io import StringIO

import pytest
from django.core.management import call_command

from apps.accounts.models import User
from apps.accounts.tests.factories import a_superuser, an_administrator, an_author
from apps.audit.models import Entry
from apps.channels import services
from apps.channels.models import Channel
from apps.core.errors import Conflict, InvalidInput, NotAllowed
from apps.directory.tests.factories import a_department, a_school

pytestmark = pytest.mark.django_db


@pytest.fixture
def head() -> User:
    return an_administrator(a_school(), username="head")


@pytest.fixture
def sms() -> Channel:
    return Channel.objects.get(key="sms")


def reasons() -> dict[str, str]:
    return dict(Channel.objects.exclude(paused_reason="").values_list("key", "paused_reason"))


def audited() -> list[tuple[str, str, str]]:
    return list(Entry.objects.order_by("pk").values_list("actor_name", "verb", "object_name"))


def test_a_channel_is_paused_for_a_reason_and_resumed(head: User, sms: Channel) -> None:
    services.pause_channel(sms, reason=" The contract has ended. ", by=head)
    assert reasons() == {"sms": "The contract has ended."}
    with pytest.raises(Conflict):
        services.pause_channel(sms, reason="", by=head)
    services.resume_channel(sms, by=head)
    assert reasons() == {}
    with pytest.raises(Conflict):
        services.resume_channel(sms, by=head)
    assert [(who, verb) for who, verb, _name in audited()] == [("head", "pause"), ("head", "resume")]


def test_without_a_reason_it_says_who(head: User, sms: Channel) -> None:
    services.pause_channel(sms, reason="", by=head)
    assert "head" in reasons()["sms"]
    services.resume_channel(sms, by=head)
    services.pause_channel(sms, reason="长" * 500, by=head)
    assert reasons()["sms"] == "长" * 200


def test_the_inbox_cannot_be_paused(head: User) -> None:
    with pytest.raises(InvalidInput):
        services.pause_channel(Channel.objects.get(key="inbox"), reason="", by=head)


def test_stop_all_pauses_whatever_leaves_the_house_and_resume_all_takes_back_only_that(
    head: User, sms: Channel, django_assert_max_num_queries: object
) -> None:
    services.pause_channel(sms, reason="no contract", by=head)
    stopped = services.stop_all(reason="wrong text", by=head)
    assert sorted(one.key for one in stopped) == ["email", "push"]
    assert reasons() == {"sms": "no contract", "email": "■ wrong text", "push": "■ wrong text"}
    assert services.stop_all(reason="again", by=head) == []
    resumed = services.resume_all(by=head)
    assert sorted(one.key for one in resumed) == ["email", "push"]
    assert reasons() == {"sms": "no contract"}
    assert [verb for _who, verb, _name in audited()] == ["pause", *["stop_all"] * 2, *["resume_all"] * 2]


def test_a_stopped_channel_may_be_resumed_alone(head: User, sms: Channel) -> None:
    services.stop_all(reason="", by=head)
    services.resume_channel(sms, by=head)
    assert sorted(reasons()) == ["email", "push"]


def test_only_superusers_and_administrators_of_the_whole_school(sms: Channel) -> None:
    school = a_school()
    others = [an_administrator(a_department(school)), an_author(school)]
    for user in others:
        for act in (
            lambda by: services.pause_channel(sms, reason="", by=by),
            lambda by: services.resume_channel(sms, by=by),
            lambda by: services.stop_all(reason="", by=by),
            lambda by: services.resume_all(by=by),
        ):
            with pytest.raises(NotAllowed):
                act(user)
    assert reasons() == {}
    services.stop_all(reason="", by=a_superuser())
    assert len(reasons()) == 3


def test_operators_stop_and_resume_from_the_command_line() -> None:
    out = StringIO()
    call_command("panic_stop", "wrong", "text", stdout=out)
    assert set(reasons().values()) == {"■ wrong text"}
    call_command("panic_stop", stdout=out)
    call_command("panic_resume", stdout=out)
    assert reasons() == {}
    said = out.getvalue().splitlines()
    assert said[0] == "Stopped: email, sms, push."
    assert "already" in said[1]
    assert {who for who, _verb, _name in audited()} == {"msgcenter"}
