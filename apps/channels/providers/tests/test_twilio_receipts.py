import urllib.parse
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from apps.channels.providers import twilio, twilio_codes, twilio_receipts
from apps.channels.providers.base import Callback, Provider, Reported
from apps.channels.providers.reasons import REASONS
from apps.channels.providers.tests import contract
from apps.channels.providers.tests.contract import CALLBACK_URL
from apps.channels.providers.tests.harness import opened
from tests.servers.twilio_callbacks import Report, Reporter
from tests.servers.twilio_server import ACCOUNT_SID, AUTH_TOKEN

SETTINGS = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from_number": "+12025550100"}
REPORTS = {
    Reported.ACCEPTED: Report("sent"),
    Reported.DELIVERED: Report("delivered"),
    Reported.FAILED: Report("undelivered", 30005),
    None: Report("teleported"),
}
NUMBER = "+12025550123"


class TwilioReceipts:
    def provider(self, **settings: Any) -> Provider:
        return opened(twilio.TwilioProvider({**SETTINGS, **settings}))

    def stranger(self) -> Provider:
        return self.provider(auth_token="another")

    def callback(self, status: Reported | None, *, address: str, url: str = CALLBACK_URL) -> Callback:
        return signed(REPORTS[status], number=address, url=url)


def signed(report: Report, *, number: str = NUMBER, url: str = CALLBACK_URL, **changes: str) -> Callback:
    reporter = Reporter(ACCOUNT_SID, AUTH_TOKEN)
    form = reporter.form({"sid": "SM" + "1" * 32, "from": "+12025550100", "to": number}, report) | changes
    return posted(form, url=url, signature=reporter.signature(url, form))


def posted(form: dict[str, str], *, signature: str, url: str = CALLBACK_URL) -> Callback:
    body = urllib.parse.urlencode(form).encode()
    return Callback(url, twilio_receipts.FORM, body, {"X-Twilio-Signature": signature})


def events(callback: Callback) -> list[tuple[Reported | None, str]]:
    return [(event.status, event.code) for event in TwilioReceipts().provider().parse_receipts(callback)]


class TestContract(contract.ReceiptsContract):
    @pytest.fixture
    def receipts(self) -> TwilioReceipts:
        return TwilioReceipts()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("accepted scheduled queued sending sent", Reported.ACCEPTED),
        ("delivered read", Reported.DELIVERED),
        ("undelivered failed canceled", Reported.FAILED),
        ("receiving partially_delivered Delivered", None),
    ],
)
def test_every_message_status_in_our_words(words: str, status: Reported | None) -> None:
    for word in words.split():
        assert [found for found, _code in events(signed(Report(word)))] == [status], word


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (30005, "no_such_number"),
        (30003, "unreachable_number"),
        (21610, "opted_out"),
        (30007, "content_rejected"),
        (30001, "rejected"),
        (0, "rejected"),
        (None, "rejected"),
    ],
)
def test_why_it_failed_by_the_table_of_results(number: int | None, code: str) -> None:
    assert events(signed(Report("undelivered", number))) == [(Reported.FAILED, code)]


@pytest.mark.parametrize("number", ["39999", "-1", "30005x", "٣", "9" * 5000])
def test_input_52_an_unknown_error_code_has_no_status(number: str) -> None:
    assert events(signed(Report("failed"), ErrorCode=number)) == [(None, "")]


def test_an_error_code_of_what_did_not_fail_is_not_looked_at() -> None:
    assert events(signed(Report("sent", 39999))) == [(Reported.ACCEPTED, "")]


def test_every_failure_has_words() -> None:
    found = {twilio_receipts._code(str(number), twilio_codes.RESULTS) for number in twilio_codes.RESULTS}
    assert found <= REASONS.keys()


def test_fault_20_another_account_of_twilio_is_not_ours() -> None:
    """Signed with our token, as a subaccount may be: it is about messages of somebody else."""
    reporter = Reporter("AC" + "9" * 32, AUTH_TOKEN)
    form = reporter.form({"sid": "SM1", "from": "+12025550100", "to": NUMBER}, Report("delivered"))
    callback = posted(form, signature=reporter.signature(CALLBACK_URL, form))
    assert RequestValidator(AUTH_TOKEN).validate(CALLBACK_URL, form, callback.headers["X-Twilio-Signature"])
    assert not TwilioReceipts().provider().authentic(callback)


def test_fault_20_a_digit_moved_from_the_address_into_a_field_is_not_authentic() -> None:
    """Twilio signs address, names and values in one string, and in that nothing has changed."""
    url = CALLBACK_URL + "2"
    genuine = signed(Report("delivered"), url=url)
    form = {"2": "", **dict(urllib.parse.parse_qsl(genuine.body.decode()))}
    signature = genuine.headers["X-Twilio-Signature"]
    assert RequestValidator(AUTH_TOKEN).validate(CALLBACK_URL, form, signature)
    assert TwilioReceipts().provider().authentic(genuine)
    assert not TwilioReceipts().provider().authentic(posted(form, signature=signature))


def test_fault_20_a_repeated_field_is_not_authentic() -> None:
    genuine = signed(Report("delivered"))
    doubled = Callback(genuine.url, genuine.content_type, genuine.body + b"&" + genuine.body, genuine.headers)
    assert not TwilioReceipts().provider().authentic(doubled)


def test_empty_fields_are_signed_too() -> None:
    assert TwilioReceipts().provider().authentic(signed(Report("delivered"), ChannelStatusMessage=""))


def test_text_of_every_language_may_stand_in_it() -> None:
    assert TwilioReceipts().provider().authentic(signed(Report("undelivered"), ChannelStatusMessage="号码不存在"))


def test_a_signature_over_the_address_with_its_port_counts() -> None:
    """Twilio is not of one mind on that."""
    genuine = signed(Report("sent"), url=CALLBACK_URL.replace(".example", ".example:443"))
    here = Callback(CALLBACK_URL, genuine.content_type, genuine.body, genuine.headers)
    assert TwilioReceipts().provider().authentic(here)
