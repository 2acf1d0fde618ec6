"""The brakes on real processes: no call starts more than a second after the commit, and nothing is lost or doubled."""

import time
from collections.abc import Iterator

import pytest

from tests.operation import Operation

pytestmark = [pytest.mark.timeout(240), pytest.mark.production]
PEOPLE = 100
#: Long enough that all of them together cannot be through before somebody has pressed the button.
LATENCY = 0.1
#: Seconds; longer than until a doorbell is rung again.
WATCHED = 4

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


@pytest.fixture
def school(school: Operation) -> Iterator[Operation]:
    """Should the test fail, the others shall find no brake on."""
    yield school
    school.console.run("Channel.objects.update(paused_reason='')")


def act(school: Operation, message: int, words: str) -> float:
    return school.console.run(ACT.format(message=message, act=words))


def started_after(school: Operation, message: int, moment: float, *, of: str) -> list[float]:
    """Seconds by which each call is later than `moment`; the servers note it before they answer."""
    channels = {"one channel": ["sms"]}.get(of, ["sms", "email"])
    times = [entry["at"] for channel in channels for entry in school.entries(message, channel)]
    return sorted(at - moment for at in times if at > moment)


@pytest.mark.parametrize("brake", sorted(BRAKES))
def test_no_call_starts_a_second_after_the_pause_and_resumed_it_goes_on_to_the_end(
    school: Operation, brake: str
) -> None:
    school.enrol(PEOPLE)
    school.smtp.latency = school.twilio.latency = LATENCY
    message = school.publish()
    for channel in ("email", "sms"):
        school.wait_for_entries(message, channel, count=5)
    pause, resume = BRAKES[brake]
    paused = act(school, message, pause)
    time.sleep(WATCHED)
    late = started_after(school, message, paused, of=brake)
    assert not late or late[-1] <= 1.0, late
    assert len(school.entries(message, "sms")) < PEOPLE, "it was paused in the middle"
    assert school.stack.rows(f"SELECT status FROM messaging_message WHERE id = {message}") == [("published",)]

    act(school, message, resume)
    school.wait_until_finished(message, seconds=120)
    school.assert_ledger_equals_servers(message, people=PEOPLE)
    assert school.taken(message) == 2 * PEOPLE, "nothing was sent twice"
