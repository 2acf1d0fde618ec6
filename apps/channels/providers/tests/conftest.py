from collections.abc import Iterator

import pytest

from apps.channels.providers.tests import harness


@pytest.fixture(autouse=True)
def _closed_providers() -> Iterator[None]:
    yield
    harness.close_opened()
