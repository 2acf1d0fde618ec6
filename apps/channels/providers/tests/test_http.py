"""What the HTTP client does over TLS, as all real providers are met, by way of Twilio's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.channels.providers.base import Accepted, Deferred
from apps.channels.providers.tests import contract
from apps.channels.providers.tests.contract import outgoing
from apps.channels.providers.tests.test_twilio import NUMBER, TwilioHarness
from tests.servers.certificate import Certificate
from tests.servers.twilio_server import TwilioServer


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder in which the server's certificate is found."""
    folder = tmp_path / "authority"
    folder.mkdir()
    return folder


@pytest.fixture
def server(tmp_path: Path, authority: Path) -> Iterator[TwilioServer]:
    certificate = Certificate()
    (authority / certificate.file_name).write_text(certificate.pem)
    context = certificate.server_context()
    with TwilioServer(ledger=tmp_path / "ledger", drip=0.05, retry_after=7, encrypted=context) as running:
        yield running


@pytest.fixture
def harness(server: TwilioServer) -> TwilioHarness:
    return TwilioHarness(server)


class TestContract(contract.NetworkContract):
    @pytest.fixture
    def harness(self, harness: TwilioHarness, authority: Path, monkeypatch: pytest.MonkeyPatch) -> TwilioHarness:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(next(authority.iterdir())))
        return harness


def test_a_folder_of_authorities_is_trusted(
    harness: TwilioHarness, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    assert isinstance(contract.send(harness.provider(), [outgoing(NUMBER)])[0], Accepted)


def test_nothing_goes_to_a_server_that_nobody_vouches_for(
    harness: TwilioHarness, server: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    result = contract.send(harness.provider(), [outgoing(NUMBER)])[0]
    assert (type(result), result.code) == (Deferred, "provider_unreachable")
    assert server.requests == 0
