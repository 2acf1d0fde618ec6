"""The main job on real processes: a department publishes, everybody gets it, the ledger proves it."""

import collections
from collections.abc import Callable

import pytest
import requests

from tests.school import PEOPLE, School

pytestmark = pytest.mark.timeout(240)
BULK = ["email.bulk", "sms.bulk", "push.bulk"]
CONTROL = ["fanout", "periodic", "receipts"]
THREADS = 4
#: The window of the channel SMS: so many are with the provider at a time, for each thread.
SMS_WINDOW = 10

Open = Callable[..., School]


def start_workers(school: School) -> None:
    school.stack.worker(queues=CONTROL, concurrency=2)
    for _ in range(2):
        school.stack.worker(queues=BULK, concurrency=THREADS)
    school.stack.beat()


def test_published_over_rest_it_reaches_2000_people_on_three_channels(open_school: Open) -> None:
    school = open_school()
    web = school.stack.web()
    start_workers(school)
    school.console.run(
        """
        from apps.accounts.models import User
        user = User.objects.get(username="root")
        user.set_password("correct horse battery")
        user.save()
        """
    )
    session = requests.Session()
    token = session.post(f"{web.url}/api/v1/login", json={"username": "root", "password": "correct horse battery"})
    session.headers["Authorization"] = f"Token {token.json()['token']}"
    draft = {
        "title": "期末考试安排",
        "content": "((name)) 同学（((number))）：请按时参加考试。",
        "type": "exam",
        "unit": school.unit,
        "channels": ["inbox", "email", "sms"],
        "audience": {"include": [{"unit": school.unit}]},
    }
    created = session.post(f"{web.url}/api/v1/messages", json=draft)
    assert created.status_code == 201, created.text
    message = created.json()["id"]
    published = session.post(f"{web.url}/api/v1/messages/{message}/publish")
    assert published.status_code == 200, published.text

    school.wait_until_finished(message, seconds=90)
    school.assert_ledger_equals_servers(message, people=PEOPLE)
    assert school.accepts() == 2 * PEOPLE
    progress = session.get(f"{web.url}/api/v1/messages/{message}/progress").json()
    assert progress["complete"]
    assert progress["audience"] == PEOPLE
    assert {one["key"]: one["counts"] for one in progress["channels"]} == {
        "inbox": {"delivered": PEOPLE},
        "email": {"accepted": PEOPLE},
        "sms": {"accepted": PEOPLE},
    }
    # One message per recipient with a Message-ID of its own, and everybody's own name in it.
    assert len({entry["message_id"] for entry in school.smtp.accepted}) == PEOPLE
    assert len({entry["body"] for entry in school.twilio.accepted}) == PEOPLE
    assert len({entry["sid"] for entry in school.twilio.accepted}) == PEOPLE


def test_fault_04_workers_killed_in_the_middle_lose_nothing_and_repeat_only_what_they_flag(open_school: Open) -> None:
    school = open_school(latency=0.003)
    school.stack.worker(queues=CONTROL, concurrency=2)
    school.stack.beat()
    message = school.publish()
    kills = (0.2, 0.5)
    for share in kills:
        doomed = school.stack.worker(queues=BULK, concurrency=THREADS)
        school.wait_for_accepts(int(2 * PEOPLE * share))
        school.stack.kill9(doomed)
        assert school.accepts() < 2 * PEOPLE, "it was killed in the middle"
    school.stack.worker(queues=BULK, concurrency=THREADS)
    school.wait_until_finished(message, seconds=90)
    school.assert_ledger_equals_servers(message, people=PEOPLE)
    assert school.states(message, "email") == {"accepted": PEOPLE}, "an e-mail may be repeated, so none is given up"
    assert max(collections.Counter(entry["to"] for entry in school.twilio.accepted).values()) == 1, "an SMS never is"
    failures = school.failures(message, "sms")
    assert failures.keys() <= {"unconfirmed"}
    assert failures.total() <= len(kills) * THREADS * SMS_WINDOW
