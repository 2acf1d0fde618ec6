"""The strict JSON parser on hostile input."""

import io
import json

import pytest
from rest_framework.exceptions import ParseError

from apps.core.rest.parsers import StrictJSONParser


@pytest.mark.timeout(30)
def test_a_doubled_name_among_very_many_is_found_in_one_pass() -> None:
    """Counting each name among all others took hours for a body within the limit, before any login."""
    names = [f"name{number}" for number in range(200_000)]
    body = "{" + ", ".join(f"{json.dumps(name)}: 1" for name in [*names, names[-1]]) + "}"
    with pytest.raises(ParseError, match="name199999"):
        StrictJSONParser().parse(io.BytesIO(body.encode()))
