"""Masked addresses: recognisable, not usable."""

import pytest

from apps.core.masking import masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("", ""),
        ("z@example.com", "z***@example.com"),
        ("zhang.wei@example.com", "z***@example.com"),
        ("+8613812340000", "138****0000"),
        ("+447700900123", "+4477****0123"),
        ("dGVzdC1kZXZpY2U", "dGVz…"),
    ],
)
def test_a_masked_address_cannot_be_used(address: str, shown: str) -> None:
    assert masked(address) == shown
