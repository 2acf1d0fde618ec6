"""Reading in the console: the list, a message's page with its progress, and what the sandbox kept."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.tests import factories as accounts
from apps.audit.models import Entry
from apps.channels.models import ProviderAccount, SandboxMessage
from apps.console.tests.conftest import Department, School, client_of
from apps.console.views import PAGE_SIZE
from apps.delivery import reasons
from apps.delivery import services as delivery
from apps.delivery.models import Delivery, Recipient
from apps.directory.models import Person
from apps.directory.tests import factories as directory
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.states import Status
from apps.messaging.tests import factories as messages

pytestmark = pytest.mark.django_db


def a_draft(school: School, by: Department | None = None, **fields: object) -> Message:
    department = by or school.academic
    return messages.a_message(department.author, department.unit, **{"to": school.classes[0], **fields})


def sent(school: School, **fields: object) -> Message:
    message = a_draft(school, **fields)
    messaging.publish(message, by=message.author)
    delivery.freeze(message, after=0, up_to=Person.objects.latest("pk").pk)
    return message


def test_a_department_sees_its_own_messages_only(school: School) -> None:
    own, foreign = a_draft(school, title="教务消息"), a_draft(school, school.logistics, title="后勤消息")
    page = school.academic.page
    text = page.get("/console/").content.decode()
    assert own.title in text
    assert foreign.title not in text
    for address in ("", "/change", "/publish"):
        assert page.get(f"/console/{foreign.pk}{address}").status_code == 404
    for verb in ("publish", "recall", "delete", "change"):
        assert page.post(f"/console/{foreign.pk}/{verb}").status_code == 404
    assert Message.objects.get(pk=foreign.pk).status == Status.DRAFT


def test_somebody_without_a_role_is_kept_out(school: School) -> None:
    message = a_draft(school)
    page = client_of(accounts.a_user())
    assert page.get("/console/").status_code == 403
    assert page.get("/console/sandbox").status_code == 403
    assert page.get(f"/console/{message.pk}").status_code == 404


def test_the_list_is_searched_and_filtered(school: School) -> None:
    a_draft(school, title="停水通知")
    sent(school, title="停电通知")
    page = school.academic.page

    def titles(**query: str) -> list[str]:
        return [row[0].title for row in page.get("/console/", query).context["rows"]]

    assert titles() == ["停电通知", "停水通知"]
    assert titles(q="停水") == ["停水通知"]
    assert titles(status="draft") == ["停水通知"]
    assert titles(status="no such state") == ["停电通知", "停水通知"]
    assert titles(q="没有") == []


def test_the_list_is_paged_and_costs_no_query_per_message(
    school: School, django_assert_max_num_queries: object
) -> None:
    for number in range(PAGE_SIZE + 1):
        a_draft(school, title=f"消息{number:03}")
    page = school.academic.page
    with django_assert_max_num_queries(17):
        text = page.get("/console/").content.decode()
    assert "消息020" in text
    assert "消息000" not in text
    assert "消息000" in page.get("/console/", {"page": "2"}).content.decode()
    assert page.get("/console/", {"page": "-1"}).status_code == 200


def test_the_lists_bar_comes_from_the_counters(school: School) -> None:
    sent(school, channels=("inbox", "email"))
    row = school.academic.page.get("/console/").context["rows"][0]
    assert row[1:] == (4, 4)


def test_publish_twice_does_it_once(school: School) -> None:
    message = a_draft(school)
    page = school.academic.page
    for _click in range(2):
        assert page.post(f"/console/{message.pk}/publish").headers["Location"] == f"/console/{message.pk}"
    assert Entry.objects.filter(verb="publish", object_id=str(message.pk)).count() == 1


def test_what_a_service_refuses_is_said_on_the_messages_page(school: School) -> None:
    message = a_draft(school, publish_at=timezone.now() + timedelta(hours=1))
    Message.objects.filter(pk=message.pk).update(publish_at=timezone.now() - timedelta(hours=1))
    answer = school.academic.page.post(f"/console/{message.pk}/publish", follow=True)
    assert "该时间已经过去" in answer.content.decode()
    assert Message.objects.get(pk=message.pk).status == Status.DRAFT


def test_an_author_leaves_what_needs_approval_to_an_approver(school: School) -> None:
    message = a_draft(school)
    message.type.approval_needed = True
    message.type.save()
    author, approver = school.academic.page, client_of(accounts.an_approver(school.academic.unit))
    assert not author.get(f"/console/{message.pk}/publish").context["abilities"].publish
    assert author.post(f"/console/{message.pk}/publish").status_code == 403
    assert approver.get(f"/console/{message.pk}/publish").context["abilities"].publish
    approver.post(f"/console/{message.pk}/publish")
    assert Message.objects.get(pk=message.pk).status == Status.PUBLISHING


def test_recall_and_delete(school: School) -> None:
    running, draft = sent(school), a_draft(school)
    page = school.academic.page
    page.post(f"/console/{running.pk}/recall")
    page.post(f"/console/{draft.pk}/delete")
    assert [message.status for message in Message.objects.all()] == [Status.RECALLED]
    again = page.post(f"/console/{running.pk}/recall", follow=True)
    assert "无法撤回" in again.content.decode()


@pytest.mark.parametrize("verb", ["recall", "delete"])
def test_a_link_changes_nothing(school: School, verb: str) -> None:
    message = a_draft(school)
    assert school.academic.page.get(f"/console/{message.pk}/{verb}").status_code == 405


def test_buttons_go_by_state(school: School) -> None:
    draft, running = a_draft(school), sent(school)
    page = school.academic.page
    of_draft = page.get(f"/console/{draft.pk}").content.decode()
    of_running = page.get(f"/console/{running.pk}").content.decode()
    assert f"/console/{draft.pk}/publish" in of_draft
    assert "ask-recall" not in of_draft
    assert "ask-recall" in of_running
    assert "ask-delete" not in of_running


def test_progress_answers_304_until_something_changes(school: School) -> None:
    message = sent(school)
    page: Client = school.academic.page
    address = reverse("api:progress", args=[message.pk])
    first = page.get(address)
    assert first.json()["channels"][0]["counts"] == {"delivered": 2}
    assert first.json()["read"] == 0
    headers = {"If-None-Match": first.headers["ETag"]}
    assert page.get(address, headers=headers).status_code == 304
    Recipient.objects.filter(message=message).update(read_at=timezone.now())
    assert page.get(address, headers=headers).json()["read"] == 2


def test_people_not_reached_are_named_with_a_reason_and_half_an_address(school: School) -> None:
    directory.a_person(school.classes[0], name="有邮箱", email="somebody@school.example")
    message = sent(school, channels=("email",))
    Delivery.objects.exclude(address="").update(status="failed", reason="no_such_address")
    text = school.academic.page.get(f"/console/{message.pk}").content.decode()
    assert "该邮箱地址不存在" in text
    assert "此人没有该渠道的联系方式" in text
    assert "s***@school.example" in text
    assert "somebody@school.example" not in text


def test_a_reason_without_words_stands_for_itself() -> None:
    assert reasons.words("brand_new") == "brand_new"


def test_the_sandbox_is_named_until_a_real_account_is_in_use(school: School) -> None:
    message = sent(school, channels=("inbox", "email"))
    page = school.academic.page
    assert "沙箱：不会真正发出" in page.get(f"/console/{message.pk}").content.decode()
    ProviderAccount.objects.filter(channel__key="email").update(enabled=False)
    assert "沙箱：不会真正发出" not in page.get(f"/console/{message.pk}").content.decode()


def test_the_sandbox_shows_what_was_sent_of_visible_messages(school: School) -> None:
    directory.a_person(school.classes[0], email="one@school.example")
    mine, foreign = sent(school, channels=("email",)), sent(school, by=school.logistics, channels=("email",))
    for message, text in ((mine, "教务的"), (foreign, "后勤的")):
        one = Delivery.objects.filter(message_channel__message=message).exclude(address="").get()
        account = ProviderAccount.objects.get(channel__key="email")
        SandboxMessage.objects.create(
            account=account,
            delivery_id=one.pk,
            attempt=1,
            key=str(one.pk),
            addresses=[one.address],
            title=text,
            body="<b>",
        )
    page = school.academic.page
    text = page.get("/console/sandbox").content.decode()
    assert "教务的" in text
    assert "&lt;b&gt;" in text
    assert "后勤的" not in text
    assert "one@school.example" not in text
    assert "o***@school.example" in text

    def finds(page: Client, address: str) -> bool:
        return "教务的" in page.get("/console/sandbox", {"address": address}).content.decode()

    assert finds(page, "ONE@school.example")
    assert not finds(page, "one@school"), "an address could be felt out letter by letter"
    manager = client_of(accounts.a_user_with("unit_manager", school.academic.unit))
    assert "one@school.example" in manager.get("/console/sandbox").content.decode()
    assert finds(manager, "ONE@school")
    assert not finds(manager, "two@")
