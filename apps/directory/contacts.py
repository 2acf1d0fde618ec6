"""Addresses in the one form in which they are stored and compared."""

import re

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from apps.core.errors import InvalidInput
from apps.directory.models import ContactPoint

DEFAULT_REGION = "CN"
MAX_TOKEN = 512
#: RFC 5321, as corrected by erratum 1690.
MAX_EMAIL = 254
PLAIN_MOBILE = re.compile(r"(?:\+86)?(1[3-9]\d{9})", re.ASCII)
NumberType = phonenumbers.PhoneNumberType
#: Numbers that take no text message, or cost whoever writes to them. What the plan does not know yet may be new.
NOT_MOBILE = {
    NumberType.FIXED_LINE,
    NumberType.PREMIUM_RATE,
    NumberType.TOLL_FREE,
    NumberType.SHARED_COST,
    NumberType.PAGER,
    NumberType.UAN,
    NumberType.VOICEMAIL,
}


def normalise(kind: str, value: str) -> str:
    """E.164 for a mobile number (+86 unless it says otherwise), lower case for e-mail. Raises `InvalidInput`."""
    return NORMALISERS[ContactPoint.Kind(kind)](value.strip())


def _email(value: str) -> str:
    local, _at, domain = value.rpartition("@")
    try:
        validate_email(value)
        # A name that is short enough as it is written may be too long as it is sent.
        address = f"{local}@{domain.encode('idna').decode()}".lower()
    except (ValidationError, UnicodeError):
        raise InvalidInput(_("This is not an e-mail address."), field="value") from None
    # Quoted names and bare hosts are allowed by the letter of the standard; here they are somebody trying things out.
    if len(address) > MAX_EMAIL or '"' in local or domain.startswith("["):
        raise InvalidInput(_("This is not an e-mail address."), field="value")
    return address


def _mobile(value: str) -> str:
    # What nearly all of a school have, without asking the plans of all countries.
    if plain := PLAIN_MOBILE.fullmatch(value):
        return f"+86{plain[1]}"
    try:
        number = phonenumbers.parse(value, DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        number = None
    # A letter would be read as the digit on its key.
    if number is None or any(map(str.isalpha, value)) or not _takes_texts(number):
        raise InvalidInput(_("This is not a mobile number."), field="value")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _takes_texts(number: phonenumbers.PhoneNumber) -> bool:
    possible = phonenumbers.is_possible_number_for_type(number, NumberType.MOBILE)
    return possible and phonenumbers.number_type(number) not in NOT_MOBILE


def _device(value: str) -> str:
    if not value or len(value) > MAX_TOKEN or not value.isascii() or not value.isprintable() or " " in value:
        raise InvalidInput(_("This is not a device token."), field="token")
    return value


NORMALISERS = {
    ContactPoint.Kind.EMAIL: _email,
    ContactPoint.Kind.MOBILE: _mobile,
    ContactPoint.Kind.DEVICE: _device,
}
