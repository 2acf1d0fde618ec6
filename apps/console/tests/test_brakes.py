"""Buttons that hold and let go, and those that send again: for whom they are there, and what they do."""

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.tests import factories as accounts
from apps.channels.models import Channel
from apps.console.tests.conftest import School, client_of
from apps.console.tests.test_pages import a_draft, sent
from apps.core.models import Alert
from apps.delivery.models import Delivery
from apps.directory.tests import factories as directory
from apps.messaging.models import Message, MessageChannel
from apps.messaging.states import Status


def unconfirmed(school: School, *, status: str = "failed", reason: str = "unconfirmed") -> tuple[Message, Delivery]:
    """An SMS to one person that nobody confirmed; the message is finished."""
    directory.a_person(school.classes[0], name="有手机", mobile="+8613800138000")
    message = sent(school, channels=("inbox", "sms"))
    row = Delivery.objects.filter(message_channel__message=message).exclude(address="").get()
    Delivery.objects.filter(pk=row.pk).update(status=status, reason=reason)
    MessageChannel.objects.filter(pk=row.message_channel_id).update(failed=1)
    Message.objects.filter(pk=message.pk).update(status=Status.FINISHED)
    return message, row


def text_of(page: Client, address: str) -> str:
    return page.get(address).content.decode()


def head(school: School) -> Client:
    return client_of(accounts.an_administrator(school.unit, username="head"))


def test_pause_and_resume_by_one_click_each(school: School) -> None:
    message, page = sent(school), school.academic.page
    address = f"/console/{message.pk}"
    before = text_of(page, address)
    assert f"{address}/pause" in before
    assert f"{address}/resume" not in before
    page.post(f"{address}/pause")
    held = text_of(page, address)
    assert f"{address}/pause" not in held
    assert f"{address}/resume" in held
    assert "已暂停" in held
    assert "badge paused" in text_of(page, "/console/")
    assert "已经暂停" in page.post(f"{address}/pause", follow=True).content.decode()
    page.post(f"{address}/resume")
    assert not Message.objects.get(pk=message.pk).paused


def test_a_draft_and_what_has_ended_have_no_such_buttons(school: School) -> None:
    message = a_draft(school)
    for status in (Status.DRAFT, Status.FINISHED, Status.RECALLED):
        Message.objects.filter(pk=message.pk).update(status=status)
        text = text_of(school.academic.page, f"/console/{message.pk}")
        assert f"/console/{message.pk}/pause" not in text
        assert f"/console/{message.pk}/resume" not in text


@pytest.mark.parametrize("verb", ["pause", "resume", "resend", "deliveries/1/resend"])
def test_a_foreign_message_is_not_there(school: School, verb: str) -> None:
    foreign = sent(school, by=school.logistics)
    assert school.academic.page.post(f"/console/{foreign.pk}/{verb}").status_code == 404


def test_what_nobody_confirmed_is_named_and_sent_again_by_one_click(school: School) -> None:
    message, row = unconfirmed(school)
    page, address = school.academic.page, f"/console/{message.pk}"
    text = text_of(page, address)
    assert "不确定是否送达" in text
    assert f"{address}/deliveries/{row.pk}/resend" in text
    said = page.post(f"{address}/deliveries/{row.pk}/resend", follow=True).content.decode()
    assert "已向 有手机 重新发送" in said
    row.refresh_from_db()
    assert (row.status, row.maybe_duplicate) == ("waiting", True)
    again = page.post(f"{address}/deliveries/{row.pk}/resend", follow=True).content.decode()
    assert "或已有人在重新发送" in again


def test_a_delivery_of_another_message_is_not_there(school: School) -> None:
    _message, row = unconfirmed(school)
    other = sent(school)
    assert school.academic.page.post(f"/console/{other.pk}/deliveries/{row.pk}/resend").status_code == 404


def test_all_unconfirmed_are_sent_again_after_one_more_question(school: School) -> None:
    message, row = unconfirmed(school)
    page, address = school.academic.page, f"/console/{message.pk}/resend"
    assert page.get(address).context["count"] == 1
    assert Delivery.objects.get(pk=row.pk).status == "failed"
    page.post(address)
    assert Delivery.objects.get(pk=row.pk).status == "waiting"
    assert page.get(address).headers["Location"] == f"/console/{message.pk}"


def test_of_an_expired_message_nothing_is_offered(school: School) -> None:
    message, row = unconfirmed(school)
    Message.objects.filter(pk=message.pk).update(expires_at=timezone.now())
    text = text_of(school.academic.page, f"/console/{message.pk}")
    assert "不确定是否送达" in text
    assert f"deliveries/{row.pk}/resend" not in text


def test_a_stuck_message_says_why_in_the_readers_language(school: School) -> None:
    message, page = sent(school), school.academic.page
    now = timezone.now()
    Alert.objects.create(kind="message_stuck", subject=str(message.pk), detail="no_account", first_at=now, last_at=now)
    assert "没有可用的通道服务商账户" in text_of(page, f"/console/{message.pk}")
    page.cookies["django_language"] = "en"
    assert "no provider account that can be used" in text_of(page, f"/console/{message.pk}")
    Alert.objects.update(settled_at=now)
    assert "data-stuck" not in text_of(page, f"/console/{message.pk}")


def test_everything_is_stopped_after_one_more_question_and_everybody_is_told(school: School) -> None:
    page = head(school)
    assert "/console/sending/stop" in text_of(page, "/console/sending")
    assert page.get("/console/sending/stop").status_code == 200
    assert not Channel.objects.exclude(paused_reason="").exists()
    page.post("/console/sending/stop", {"reason": "文字有误"})
    assert Channel.objects.exclude(paused_reason="").count() == 3
    assert "以下渠道目前暂停发送" in text_of(school.academic.page, "/console/")
    message = sent(school, channels=("inbox", "email"))
    assert "■ 文字有误" in text_of(school.academic.page, f"/console/{message.pk}")
    page.post("/console/sending/resume")
    assert not Channel.objects.exclude(paused_reason="").exists()


def test_one_channel_is_paused_and_resumed(school: School) -> None:
    page = head(school)
    page.post("/console/sending/sms/pause", {"reason": "合同到期"})
    assert "合同到期" in text_of(page, "/console/sending")
    page.post("/console/sending/sms/resume")
    assert not Channel.objects.exclude(paused_reason="").exists()
    assert page.post("/console/sending/fax/pause").status_code == 404
    assert "没有暂停" in page.post("/console/sending/sms/resume", follow=True).content.decode()


def test_a_department_does_not_brake_the_school(school: School) -> None:
    page = school.academic.page
    assert "/console/sending" not in text_of(page, "/console/")
    for path in ("sending", "sending/stop"):
        assert page.get(f"/console/{path}").status_code == 403
    for path in ("sending/stop", "sending/resume", "sending/sms/pause", "sending/sms/resume"):
        assert page.post(f"/console/{path}").status_code == 403
    assert not Channel.objects.exclude(paused_reason="").exists()


def test_open_alerts_are_counted_and_listed_for_who_answers_for_the_school(school: School) -> None:
    now = timezone.now()
    Alert.objects.create(kind="doorbell_failed", subject="broker", detail="refused", first_at=now, last_at=now)
    page = head(school)
    assert page.get("/console/").context["brakes"].alerts == 1
    assert "无法连接消息队列" in text_of(page, "/console/sending")
    assert school.academic.page.get("/console/").context["brakes"].alerts == 0
