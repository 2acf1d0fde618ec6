"""Codes and links leave by the school's own channels, once."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from apps.accounts import letters, registration
from apps.accounts.models import Letter
from apps.accounts.tests.factories import a_superuser, a_user_with
from apps.channels.models import Channel, ProviderAccount, SandboxMessage
from apps.console import selectors
from apps.core import jobs
from apps.directory.tests.factories import a_person, a_school
from workers import letters as post
from workers import sweep
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db
NUMBER, MOBILE = "2024010101", "+8619900000041"


@pytest.fixture
def letter(bell: Bell) -> Letter:
    a_person(number=NUMBER, mobile=MOBILE)
    registration.ask(NUMBER, "mobile", network="here")
    return Letter.objects.get()


def state(letter: Letter) -> str:
    letter.refresh_from_db()
    return letter.state


def test_a_code_lands_in_the_sandbox_and_is_not_kept(letter: Letter, bell: Bell) -> None:
    code = letter.secret
    assert bell.rung == [(jobs.SEND_LETTER, (letter.pk,), "sms.urgent")]
    bell.answer()
    message = SandboxMessage.objects.get()
    assert (message.addresses, code in message.body) == ([MOBILE], True)
    assert "10 分钟" in message.body
    assert (state(letter), letter.secret) == ("sent", None)


def test_in_the_sandbox_a_superuser_reads_it_and_nobody_else(letter: Letter, bell: Bell) -> None:
    bell.answer()
    operator = a_user_with("administrator", a_school())
    assert selectors.sandbox_messages(a_superuser()).count() == 1
    assert selectors.sandbox_messages(operator).count() == 0


def test_it_speaks_the_language_in_which_it_was_asked_for(bell: Bell) -> None:
    a_person(number=NUMBER, mobile=MOBILE)
    with translation.override("en"):
        registration.ask(NUMBER, "mobile", network="here")
    bell.answer()
    assert "valid for 10 minutes" in SandboxMessage.objects.get().body


def test_a_doubled_doorbell_sends_nothing_twice(letter: Letter, bell: Bell) -> None:
    for _ in range(3):
        post.send(letter.pk)
    assert SandboxMessage.objects.count() == 1


def test_a_lost_doorbell_is_made_good_by_the_sweep(letter: Letter, bell: Bell) -> None:
    bell.rung.clear()
    sweep.send_letters()
    assert state(letter) == "waiting"
    Letter.objects.update(due_at=timezone.now() - timedelta(seconds=10))
    sweep.send_letters()
    assert state(letter) == "sent"


def test_to_nobody_nothing_is_sent(bell: Bell) -> None:
    registration.ask("2024999999", "mobile", network="here")
    bell.answer()
    assert state(Letter.objects.get()) == "sent"
    assert not SandboxMessage.objects.exists()


def test_what_was_certainly_not_taken_is_tried_again_a_few_times(letter: Letter) -> None:
    set_mode("defer")
    for attempt in range(1, letters.MAX_ATTEMPTS + 1):
        post.send(letter.pk)
        letter.refresh_from_db()
        assert letter.state == ("failed" if attempt == letters.MAX_ATTEMPTS else "waiting")
        assert letter.due_at > timezone.now() or letter.state == "failed"
        Letter.objects.update(due_at=timezone.now())
    assert (state(letter), letter.secret) == ("failed", None)


@pytest.mark.parametrize(("mode", "expected"), [("unknown", "sent"), ("refuse", "failed")])
def test_what_may_have_gone_out_or_cannot_is_not_tried_again(letter: Letter, mode: str, expected: str) -> None:
    set_mode(mode)
    post.send(letter.pk)
    assert (state(letter), letter.secret) == (expected, None)


def set_mode(mode: str) -> None:
    account = ProviderAccount.objects.get(channel__key="sms")
    account.secret_settings = f'{{"mode": "{mode}"}}'
    account.save()


def test_while_the_channel_is_paused_it_waits_and_dies_with_its_code(letter: Letter) -> None:
    Channel.objects.filter(key="sms").update(paused_reason="stop")
    post.send(letter.pk)
    assert (state(letter), letter.attempt) == ("waiting", 0)
    Letter.objects.update(expires_at=timezone.now() - timedelta(seconds=1), due_at=timezone.now())
    post.send(letter.pk)
    assert (state(letter), letter.secret) == ("failed", None)
    assert not SandboxMessage.objects.exists()


def test_old_letters_are_forgotten_and_their_secrets_before(letter: Letter) -> None:
    Letter.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    sweep.forget_old()
    letter.refresh_from_db()
    assert letter.secret is None
    Letter.objects.update(expires_at=timezone.now() - timedelta(days=8))
    sweep.forget_old()
    assert not Letter.objects.exists()


def test_the_log_has_neither_code_nor_address(letter: Letter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    code = letter.secret
    post.send(letter.pk)
    assert f"letter {letter.pk}" in caplog.text
    assert code not in caplog.text
    assert MOBILE not in caplog.text
