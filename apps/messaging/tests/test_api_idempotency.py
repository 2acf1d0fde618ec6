"""The same request again: done once, answered as often as it is sent."""

import json
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.tests.factories import a_client
from apps.core import jobs
from apps.core.tests.api import refusals
from apps.messaging import idempotency, services
from apps.messaging.models import IdempotencyKey, Message
from apps.messaging.tests.bodies import URL, a_body, assert_nothing_stored, post
from apps.messaging.tests.factories import House, a_house, a_message

KEY = {"Idempotency-Key": "a key of the client"}


def test_fault_26_the_same_post_again_is_answered_again_and_not_done_again(house: House) -> None:
    body = a_body(house, title="🎓")
    first, second = post(house.author, body, **KEY), post(house.author, body, **KEY)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first["Location"] == second["Location"]
    assert Message.objects.count() == 1


def test_fault_26_publish_and_recall_again_are_answered_again(
    house: House, jobs_outbox: list, django_capture_on_commit_callbacks: Any
) -> None:
    message = a_message(house.author, house.department, to=house.room)
    for verb in ("publish", "recall"):
        with django_capture_on_commit_callbacks(execute=True):
            url = f"{URL}/{message.pk}/{verb}"
            answers = [a_client(house.author).post(url, headers={"Idempotency-Key": verb}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len({answer.content for answer in answers}) == 1
    assert [job for job, _args, _lane in jobs_outbox] == [jobs.FAN_OUT, jobs.CLOSE]


@pytest.mark.parametrize("key", ["x" * 256, "", " \t", "ключ", "a\x00b"])
def test_input_19_a_key_that_is_none_is_400(house: House, key: str) -> None:
    response = a_client(house.author).generic(
        "POST", URL, json.dumps(a_body(house)), content_type="application/json", HTTP_IDEMPOTENCY_KEY=key
    )
    assert refusals(response, 400) == [("invalid", "Idempotency-Key")]
    assert_nothing_stored()


def test_input_19_a_key_of_255_characters_is_taken(house: House) -> None:
    assert post(house.author, a_body(house), **{"Idempotency-Key": "x" * 255}).status_code == 201


def test_input_19_the_same_key_with_another_body_or_at_another_address_is_422(house: House) -> None:
    message = post(house.author, a_body(house), **KEY).json()
    assert refusals(post(house.author, a_body(house, title="Other"), **KEY), 422) == [
        ("idempotency_key_reused", "Idempotency-Key")
    ]
    elsewhere = a_client(house.author).post(f"{URL}/{message['id']}/publish", headers=KEY)
    assert refusals(elsewhere, 422) == [("idempotency_key_reused", "Idempotency-Key")]
    assert Message.objects.get().status == "draft"


def test_input_19_a_key_belongs_to_its_user(house: House) -> None:
    body = a_body(house)
    assert [post(who, body, **KEY).status_code for who in (house.author, house.colleague)] == [201, 201]
    assert Message.objects.count() == 2


def test_input_19_while_the_first_is_in_progress_the_second_is_409(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []

    def slow(*args: Any, **kwargs: Any) -> Message:
        answers.append(post(house.author, a_body(house), **KEY))
        return create(*args, **kwargs)

    create = services.create
    monkeypatch.setattr(services, "create", slow)
    assert post(house.author, a_body(house), **KEY).status_code == 201
    assert [refusals(answer, 409) for answer in answers] == [[("in_progress", None)]]
    assert Message.objects.count() == 1


def test_a_refused_request_gives_its_key_back(house: House) -> None:
    assert post(house.author, a_body(house, title=""), **KEY).status_code == 400
    assert_nothing_stored()
    assert post(house.author, a_body(house), **KEY).status_code == 201


def test_a_request_that_died_is_taken_over_when_its_time_is_up(house: House) -> None:
    post(house.author, a_body(house), **KEY)
    Message.objects.all().delete()
    IdempotencyKey.objects.update(status=None, body=None)
    assert refusals(post(house.author, a_body(house), **KEY), 409) == [("in_progress", None)]
    IdempotencyKey.objects.update(claimed_at=timezone.now() - idempotency.PATIENCE)
    assert post(house.author, a_body(house), **KEY).status_code == 201
    assert Message.objects.count() == 1


def test_a_request_that_was_overtaken_undoes_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(*args: Any, **kwargs: Any) -> Message:
        IdempotencyKey.objects.update(claim="another request")
        return create(*args, **kwargs)

    create = services.create
    monkeypatch.setattr(services, "create", overtaken)
    assert refusals(post(house.author, a_body(house), **KEY), 409) == [("in_progress", None)]
    assert not Message.objects.exists()


def test_after_a_day_a_key_is_forgotten(house: House) -> None:
    assert post(house.author, a_body(house), **KEY).status_code == 201
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert post(house.author, a_body(house, title="Other"), **KEY).status_code == 201
    assert idempotency.forget_old() == 0
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert idempotency.forget_old() == 1


@pytest.mark.django_db(transaction=True)
def test_fault_26_fifty_parallel_posts_make_one_message_and_fifty_publishes_publish_once(jobs_outbox: list) -> None:
    house = a_house()
    body = a_body(house)
    created = in_parallel(house.author, URL, body)
    assert set(created) <= {201, 409}
    assert Message.objects.count() == 1
    assert post(house.author, body, **KEY).status_code == 201

    url = f"{URL}/{Message.objects.get().pk}/publish"
    published = in_parallel(house.author, url, None, **{"Idempotency-Key": "publish"})
    assert set(published) <= {200, 409}
    assert published[200] >= 1
    assert [job for job, _args, _lane in jobs_outbox] == [jobs.FAN_OUT]


@pytest.mark.django_db(transaction=True)
def test_fault_26_fifty_parallel_publishes_without_a_key_publish_once(jobs_outbox: list) -> None:
    house = a_house()
    message = a_message(house.author, house.department, to=house.room)
    answers = in_parallel(house.author, f"{URL}/{message.pk}/publish", None, **{"Idempotency-Key": ""})
    assert answers == {200: 1, 409: 49}
    assert len(jobs_outbox) == 1


def in_parallel(user: User, url: str, body: Any, **headers: str) -> Counter[int]:
    """How often each status was answered when fifty threads sent the same request at the same time."""
    sent = {name: value for name, value in (KEY | headers).items() if value}
    clients = [a_client(user) for _ in range(50)]
    barrier, statuses = threading.Barrier(len(clients)), []

    def send(client: Any) -> None:
        barrier.wait()
        try:
            statuses.append(client.post(url, body, headers=sent).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)
