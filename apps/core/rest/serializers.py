"""What comes in is checked whole; what goes out has its own classes."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

SHOWN = 20


class Input(serializers.Serializer):
    """Refuses names it does not know: most of them are typing errors of names it does."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            unknown = sorted(data.keys() - self.fields.keys())
            if unknown:
                problem = ErrorDetail(_("There is no such field."), code="unknown_field")
                raise ValidationError({name[:100]: [problem] for name in unknown[:SHOWN]})
        return super().to_internal_value(data)


class Nothing(Input):
    """The body of a verb that takes none."""
