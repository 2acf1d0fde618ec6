"""What cannot be read from the environment stops the start and says which variable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from msgcenter import env

NAME = "MSGCENTER_TESTED"


def test_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.text(NAME)
    assert env.text(NAME, "default") == "default"
    monkeypatch.setenv(NAME, "数据=1")
    assert env.text(NAME) == "数据=1"
    monkeypatch.setenv(NAME, "")
    assert env.text(NAME, "default") == ""


@pytest.mark.parametrize(("text", "number"), [("", 7), ("0", 0), ("-3", -3), (" 12 ", 12)])
def test_integer(monkeypatch: pytest.MonkeyPatch, text: str, number: int) -> None:
    assert env.integer(NAME, 7) == 7
    monkeypatch.setenv(NAME, text)
    assert env.integer(NAME, 7) == number


@pytest.mark.parametrize("text", ["x", "1.5", "60s", "1,000"])
def test_integer_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.integer(NAME, 7)


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("YES", True), ("on", True), ("0", False), ("False", False), ("", False)]
)
def test_boolean(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    assert env.boolean(NAME, default=True) is True
    monkeypatch.setenv(NAME, text)
    assert env.boolean(NAME, default=not value) is value


@pytest.mark.parametrize("text", ["ja", "2", "tru"])
def test_boolean_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.boolean(NAME, default=False)


def test_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.words(NAME, "a, b") == ["a", "b"]
    monkeypatch.setenv(NAME, " x ,, y,")
    assert env.words(NAME, "a") == ["x", "y"]


def test_file_fills_in_what_the_environment_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MSGCENTER_A", "MSGCENTER_B", "MSGCENTER_C", "MSGCENTER_D"):
        monkeypatch.setenv(name, "before")
        monkeypatch.delenv(name)
    monkeypatch.setenv("MSGCENTER_B", "environment")
    file = tmp_path / "env"
    lines = ["# MSGCENTER_D=comment", " MSGCENTER_A = a=b# \r", "MSGCENTER_B=file", "", "no line", "MSGCENTER_C="]
    file.write_text("\n".join(lines), "utf-8")
    env.load_file(file)
    env.load_file(tmp_path / "none")
    assert (os.environ["MSGCENTER_A"], os.environ["MSGCENTER_B"]) == ("a=b#", "environment")
    assert os.environ["MSGCENTER_C"] == ""
    assert "MSGCENTER_D" not in os.environ


@pytest.mark.parametrize(
    ("missing", "value"),
    [("MSGCENTER_SECRET_KEY", None), ("MSGCENTER_SETTINGS_KEY", None), ("MSGCENTER_SECRET_KEY", "")],
)
def test_does_not_start_without_its_keys(missing: str, value: str | None) -> None:
    environment = {name: text for name, text in os.environ.items() if name != missing}
    if value is not None:
        environment[missing] = value
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert missing.removeprefix("MSGCENTER_") in done.stderr


def test_lane_of_every_channel_has_a_queue_and_nothing_waits_for_a_result() -> None:
    assert settings.CELERY_TASK_IGNORE_RESULT
    assert not settings.CELERY_TASK_ACKS_LATE
    assert not hasattr(settings, "CELERY_RESULT_BACKEND")
    names = {queue.name for queue in settings.CELERY_TASK_QUEUES}
    assert names >= {"fanout", "periodic", "email.urgent", "email.bulk", "sms.urgent", "sms.bulk"}
