"""The main job on real processes: a department publishes, everybody gets it, the ledger proves it."""

import pytest
import requests

from tests.operation import BULK, LEASE, Operation

pytestmark = pytest.mark.timeout(240)
PEOPLE = 2000


def test_published_over_rest_it_reaches_2000_people_on_three_channels(school: Operation) -> None:
    school.enrol(PEOPLE)
    school.visitor(queues=BULK, concurrency=4, lease=LEASE)
    session = requests.Session()
    session.headers["Authorization"] = f"Token {school.token}"
    api = f"{school.web.url}/api/v1"
    draft = {
        "title": "期末考试安排",
        "content": "((name)) 同学（((number))）：请按时参加考试。",
        "type": "exam",
        "unit": school.unit,
        "channels": ["inbox", "email", "sms"],
        "audience": {"include": [{"unit": school.unit}]},
    }
    created = session.post(f"{api}/messages", json=draft)
    assert created.status_code == 201, created.text
    message = created.json()["id"]
    published = session.post(f"{api}/messages/{message}/publish")
    assert published.status_code == 200, published.text

    school.wait_until_finished(message, seconds=90)
    school.assert_ledger_equals_servers(message, people=PEOPLE)
    mails, texts = school.entries(message, "email"), school.entries(message, "sms")
    assert len(mails) == len(texts) == PEOPLE
    progress = session.get(f"{api}/messages/{message}/progress").json()
    assert progress["complete"]
    assert progress["audience"] == PEOPLE
    assert {one["key"]: one["counts"] for one in progress["channels"]} == {
        "inbox": {"delivered": PEOPLE},
        "email": {"accepted": PEOPLE},
        "sms": {"accepted": PEOPLE},
    }
    # One message per recipient with a Message-ID of its own, and everybody's own name in it.
    assert len({entry["message_id"] for entry in mails}) == PEOPLE
    assert len({entry["body"] for entry in texts}) == PEOPLE
    assert len({entry["sid"] for entry in texts}) == PEOPLE
