"""Uploaded people and their personal values, as they stand in a request."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_NUMBER = 40
MAX_NAME = 40
MAX_VALUE = 2000
MAX_VALUES = 50

SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["number"],
        "additionalProperties": False,
        "properties": {
            "number": {"type": "string", "maxLength": MAX_NUMBER},
            "values": {"type": "object", "additionalProperties": {"type": "string", "maxLength": MAX_VALUE}},
        },
    },
}


@extend_schema_field(SCHEMA)
class Rows(serializers.Field):
    """`[{"number": …, "values": {…}}]` -> `{number: values}`. Plain code, as 30,000 rows cost a serializer seconds."""

    default_error_messages = {
        "not_a_list": _("A list of people is expected."),
        "max_length": _("More rows than people may be written to at once (%d).") % settings.MAX_AUDIENCE,
        "invalid": _("A row has a number and values: {{'number': …, 'values': {{…}}}}."),
        "duplicate": _("This number occurs twice."),
        "values": _("Values are texts of up to 2,000 characters under names of up to 40, at most 50 of them."),
    }

    def to_internal_value(self, data: Any) -> dict[str, dict[str, str]]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        if len(data) > settings.MAX_AUDIENCE:
            self.fail("max_length")
        found: dict[str, dict[str, str]] = {}
        for index, row in enumerate(data):
            problem = _problem(row) or ("duplicate" if row["number"] in found else "")
            if problem:
                raise serializers.ValidationError({str(index): [self._error(problem)]})
            found[row["number"]] = row.get("values", {})
        return found

    def _error(self, code: str) -> serializers.ErrorDetail:
        return serializers.ErrorDetail(self.error_messages[code].format(), code=code)


def _problem(row: Any) -> str:
    if not isinstance(row, dict) or row.keys() - {"number", "values"}:
        return "invalid"
    number, values = row.get("number"), row.get("values", {})
    if not isinstance(number, str) or not 0 < len(number) <= MAX_NUMBER or not isinstance(values, dict):
        return "invalid"
    fits = all(isinstance(v, str) and len(v) <= MAX_VALUE and len(k) <= MAX_NAME for k, v in values.items())
    return "" if fits and len(values) <= MAX_VALUES else "values"
