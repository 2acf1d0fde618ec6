"""Addresses in the one form in which they are stored and compared."""

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from apps.core.errors import InvalidInput
from apps.directory.models import ContactPoint

DEFAULT_REGION = "CN"
MAX_TOKEN = 512


def normalise(kind: str, value: str) -> str:
    """E.164 for a mobile number (+86 unless it says otherwise), lower case for e-mail. Raises `InvalidInput`."""
    return NORMALISERS[ContactPoint.Kind(kind)](value.strip())


def _email(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        raise InvalidInput(_("This is not an e-mail address."), field="value") from None
    local, _at, domain = value.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}".lower()


def _mobile(value: str) -> str:
    try:
        number = phonenumbers.parse(value, DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise InvalidInput(_("This is not a mobile number."), field="value")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _device(value: str) -> str:
    if not value or len(value) > MAX_TOKEN or not value.isascii() or not value.isprintable() or " " in value:
        raise InvalidInput(_("This is not a device token."), field="token")
    return value


NORMALISERS = {
    ContactPoint.Kind.EMAIL: _email,
    ContactPoint.Kind.MOBILE: _mobile,
    ContactPoint.Kind.DEVICE: _device,
}
