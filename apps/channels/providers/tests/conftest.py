from collections.abc import Iterator

import pytest

from apps.channels.providers.tests import harness


@pytest.fixture(autouse=True)
def _no_proxy_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(autouse=True)
def _closed_providers() -> Iterator[None]:
    yield
    harness.close_opened()
