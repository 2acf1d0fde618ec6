"""The brakes on real processes: no call starts more than a second after the commit, and nothing is lost or doubled."""

import time
from collections.abc import Callable

import pytest

from tests.end_to_end.test_main_job import BULK, CONTROL
from tests.school import School

pytestmark = pytest.mark.timeout(240)
Open = Callable[..., School]
PEOPLE = 250
#: Long enough that all of them together cannot be through before somebody has pressed the button.
LATENCY = 0.2

BRAKES = {
    "message": ("messaging.pause(message, by=root)", "messaging.resume(message, by=root)"),
    "every channel": ('channels.stop_all(reason="wrong text", by=None)', "channels.resume_all(by=None)"),
    "one channel": (
        'channels.pause_channel(Channel.objects.get(key="sms"), reason="", by=root)',
        'channels.resume_channel(Channel.objects.get(key="sms"), by=root)',
    ),
}
#: Prints the time right after the commit.
ACT = """
    import time
    from apps.channels import services as channels
    from apps.messaging import services as messaging
    root = User.objects.get(username="root")
    message = Message.objects.get(pk={message})
    {act}
    print(time.time())
"""


def act(school: School, message: int, words: str) -> float:
    return school.console.run(ACT.format(message=message, act=words))


def started_after(school: School, moment: float, *, of: str) -> list[float]:
    """Seconds by which each call is later than `moment`; the servers note it before they answer."""
    servers = {"one channel": [school.twilio]}.get(of, [school.twilio, school.smtp])
    times = [entry["at"] for server in servers for entry in server.accepted]
    return sorted(at - moment for at in times if at > moment)


def open_rows(school: School) -> int:
    settled = "('accepted', 'delivered', 'failed', 'cancelled', 'expired', 'suppressed')"
    return school.stack.rows(f"SELECT COUNT(*) FROM delivery_delivery WHERE status NOT IN {settled}")[0][0]


@pytest.mark.parametrize("brake", sorted(BRAKES))
def test_no_call_starts_a_second_after_the_pause_and_resumed_it_goes_on_to_the_end(
    open_school: Open, brake: str
) -> None:
    school = open_school(PEOPLE, latency=LATENCY)
    school.stack.worker(queues=CONTROL, concurrency=2)
    school.stack.worker(queues=BULK, concurrency=4)
    school.stack.beat()
    message = school.publish()
    school.wait_for_accepts(50)
    pause, resume = BRAKES[brake]
    paused = act(school, message, pause)
    time.sleep(4)
    late = started_after(school, paused, of=brake)
    assert not late or late[-1] <= 1.0, late
    assert open_rows(school) > 0, "it was paused in the middle"
    assert school.stack.rows("SELECT status FROM messaging_message") == [("published",)]

    act(school, message, resume)
    school.wait_until_finished(message, seconds=120)
    school.assert_ledger_equals_servers(message, people=PEOPLE)
    assert school.accepts() == 2 * PEOPLE, "nothing was sent twice"
