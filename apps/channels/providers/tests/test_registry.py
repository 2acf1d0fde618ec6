import ast
from pathlib import Path

import pytest
from django.utils import translation

from apps.channels import providers
from apps.channels.providers import fcm, sandbox, smtp_replies, twilio_codes
from apps.channels.providers.base import TROUBLE
from apps.channels.providers.reasons import REASONS

FOLDER = Path(providers.__file__).parent
RESULTS = {"Refused", "Deferred", "Throttled", "Unknown"}


def test_each_provider_is_registered_under_its_own_key() -> None:
    assert all(name == provider.key for name, provider in providers.PROVIDERS.items())


@pytest.mark.parametrize(
    ("channel", "names"), [("email", {"smtp"}), ("sms", {"twilio"}), ("push", {"fcm"}), ("x", set())]
)
def test_every_channel_has_its_provider_and_the_sandbox(channel: str, names: set[str]) -> None:
    sandboxed = {"sandbox"} if names else set()
    assert set(providers.for_channel(channel)) == names | sandboxed


def test_every_code_a_provider_can_return_has_words() -> None:
    tables = {row[2] for row in smtp_replies.ENHANCED} | {row[3] for row in smtp_replies.BASIC}
    tables |= {code for _make, code in twilio_codes.RESULTS.values()}
    tables |= {result.code for result in [*fcm.RESULTS.values(), *sandbox.MODES.values()]}
    assert (tables | _written_codes() | TROUBLE) - REASONS.keys() == set()


def test_every_word_is_used_by_a_provider_or_known_to_be_others() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.py") if path.name != "reasons.py")
    assert {code for code in REASONS if f'"{code}"' not in text} == {"missing_value"}


def test_the_words_are_translated_when_they_are_read() -> None:
    with translation.override("en"):
        assert str(REASONS["timeout"]) == "The provider did not answer in time."


def _written_codes() -> set[str]:
    """The first argument of every result that is made in this folder, where it is written out."""
    calls = [
        node
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in RESULTS and call.args]
    return {call.args[0].value for call in made if isinstance(call.args[0], ast.Constant)}
