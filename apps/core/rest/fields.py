"""Kinds of input that DRF reads more generously than we do."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_ID = 2**63 - 1
MAX_KEY = 100
MAX_INSTANT = 40


class Text(serializers.CharField):
    """Text kept exactly as it was sent; a number is not a text, and blanks alone say nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and not data.strip() and not self.allow_blank:
            self.fail("blank")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        return data if isinstance(data, str) else self.fail("invalid")


class Whole(serializers.IntegerField):
    """A whole number; a text that looks like one is none."""

    def to_internal_value(self, data: Any) -> int:
        return data if isinstance(data, int) and not isinstance(data, bool) else self.fail("invalid")


class Id(Whole):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **kwargs)


class Flag(serializers.BooleanField):
    """True or false; nothing that looks like one of them."""

    def to_internal_value(self, data: Any) -> bool:
        return data if isinstance(data, bool) else self.fail("invalid", input=str(data)[:100])


@extend_schema_field(OpenApiTypes.STR)
class Key(serializers.SlugRelatedField):
    """The key of a row, such as a channel's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="key", **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or len(data) > MAX_KEY:
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.DATETIME)
class Instant(serializers.Field):
    """An instant with its offset from UTC. A local time is refused, and the answer names what it could have meant."""

    default_error_messages = {
        "invalid": _("Not an instant such as 2026-01-05T08:00:00+08:00."),
        "naive": _("This time lacks its offset from UTC. In the school's time zone it is {first}."),
        "ambiguous": _("This time lacks its offset from UTC. The clock shows it twice: {first} or {second}."),
        "non_existent": _("This time lacks its offset from UTC. The clock skips it: {first} or {second} is near."),
    }

    def to_internal_value(self, data: Any) -> datetime:
        try:
            at = parse_datetime(data) if isinstance(data, str) and len(data) <= MAX_INSTANT else None
            if at is None:
                self.fail("invalid")
            if timezone.is_naive(at):
                self._refuse_naive(at)
            return at.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("invalid")

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _refuse_naive(self, local: datetime) -> None:
        """Both readings of a local time, each with the offset that holds at the instant it names (PEP 495)."""
        zone = timezone.get_default_timezone()
        readings = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone) for fold in (0, 1)]
        first, second = sorted(readings, key=datetime.timestamp)
        shown_twice = first.replace(tzinfo=None, fold=0) == local
        code = "ambiguous" if shown_twice else "non_existent"
        if first.timestamp() == second.timestamp():
            code = "naive"
        self.fail(code, first=first.isoformat(), second=second.isoformat())
