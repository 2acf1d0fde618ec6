"""The SMS server and the drivers, for real."""

import time
from pathlib import Path

import pytest
import requests

from benchmarks import content
from benchmarks.driver import Driver, Failed
from benchmarks.parts.sms import PATH
from benchmarks.sinks import SmsSink

LATENCY = 0.05


def test_the_sms_server_answers_after_its_time_and_counts(tmp_path: Path) -> None:
    sink = SmsSink(tmp_path, latency=LATENCY)
    started = time.monotonic()
    answer = requests.post(sink.url + PATH, data={"To": "+8613800000001", "Body": "x"}, timeout=10)
    assert time.monotonic() - started >= LATENCY
    assert (answer.status_code, answer.json()["sid"]) == (201, f"SM{1:032x}")
    assert requests.get(sink.url, timeout=10).status_code == 404
    assert sink.taken == 1
    sink.stop()


def test_the_sms_server_waits_for_many_at_once(tmp_path: Path) -> None:
    """64 one after the other would take four times as long as the second that is allowed here."""
    sink = SmsSink(tmp_path, latency=LATENCY)
    sender = Driver(["benchmarks.raw_sms", sink.url + PATH, 64], log=tmp_path / "raw.log")
    started = time.monotonic()
    sender.order(count=128)
    sender.answer()
    assert 2 * LATENCY <= time.monotonic() - started < 128 * LATENCY / 2
    assert sink.taken == 128
    sender.stop()
    sink.stop()


def test_a_driver_that_fails_shows_why(tmp_path: Path) -> None:
    sender = Driver(["benchmarks.raw_sms", "http://127.0.0.1:9", 1], log=tmp_path / "raw.log")
    sender.order(unknown=1)
    with pytest.raises(Failed, match="unexpected keyword argument 'unknown'"):
        sender.answer()


def test_the_mail_is_ready_for_the_wire() -> None:
    mail = content.prebuilt_mail()
    assert mail.endswith(b"\r\n")
    assert mail.isascii()
    assert b"\n." not in mail
