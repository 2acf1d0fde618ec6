"""JSON bodies, read as strictly as the standard allows."""

import collections
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn

from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import JSONParser

#: How a NUL or half of a surrogate pair can be written in JSON at all; without one of these no text can hold one.
SUSPICIOUS = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
#: What no database of ours stores as it was sent.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(JSONParser):
    """Refuses what other parsers quietly repair or guess: doubled names, NaN, Infinity, text that cannot be stored."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            text = stream.read().decode()
            data = json.loads(
                text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite_number
            )
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is not valid JSON in UTF-8: %s") % str(error)[:200]) from None
        if SUSPICIOUS.search(text):
            _refuse_unstorable(data)
        return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        doubled, _times = collections.Counter(name for name, _value in pairs).most_common(1)[0]
        raise ParseError(_("The name %s occurs twice in one object.") % doubled[:100], code="duplicate_name")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite_number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_constant(text)


def _refuse_unstorable(data: Any) -> None:
    for path, text in _texts(data):
        if UNSTORABLE.search(text):
            problem = ErrorDetail(_("This text holds a character that cannot be stored."), code="unstorable")
            raise ValidationError({path: [problem]})


def _texts(data: Any) -> Iterator[tuple[str, str]]:
    """Every text with the path to it; a name stands under the path of its object."""
    rest = [("", data)]
    while rest:
        path, value = rest.pop()
        if isinstance(value, str):
            yield path or "non_field_errors", value
        elif isinstance(value, Mapping):
            rest += [(path, name) for name in value]
            rest += [(f"{path}.{name}".strip("."), child) for name, child in value.items() if _plain(name)]
        elif isinstance(value, list):
            rest += [(f"{path}.{index}".strip("."), child) for index, child in enumerate(value)]


def _plain(name: str) -> bool:
    return not UNSTORABLE.search(name)
