"""The contact points by which the school knows somebody, as far as a stranger may see them."""

from dataclasses import dataclass

from django.db.models import Q
from django.utils.crypto import salted_hmac

from apps.directory.models import ContactPoint, Person

Kind = ContactPoint.Kind
KINDS = (Kind.MOBILE, Kind.EMAIL)
#: What somebody has entered himself proves nothing.
TRUSTED = Q(source__in=(ContactPoint.Source.ROSTER, ContactPoint.Source.STAFF))
SALT = "apps.accounts.contacts"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Choice:
    """Of a kind of contact point, as much as its owner needs to recognise it."""

    kind: str
    hint: str


def of(person: Person | None, kind: str) -> ContactPoint | None:
    """The one that is written to: the oldest of its kind that the school itself has entered."""
    if person is None:
        return None
    return person.contact_points.filter(TRUSTED, kind=kind).order_by("pk").first()


def choices(person: Person | None, number: str) -> list[Choice]:
    """Where a code could go. For a number that nobody has, made up, and the same every time."""
    if person is None:
        return _made_up(number)
    found = ((kind, of(person, kind)) for kind in KINDS)
    return [Choice(kind, hint(kind, one.value)) for kind, one in found if one] or _made_up(number)


def hint(kind: str, value: str) -> str:
    """Less than `masking.masked` shows: here the reader is anybody who can type a number."""
    if kind == Kind.MOBILE:
        return f"•••• ••{value[-2:]}"
    local, _at, domain = value.partition("@")
    return f"{local[:1]}•••@{domain[:1]}•••"


def _made_up(number: str) -> list[Choice]:
    chance = salted_hmac(SALT, number, algorithm="sha256").digest()
    mobile = Choice(Kind.MOBILE, f"•••• ••{chance[0] % 100:02}")
    first, second = (LETTERS[one % len(LETTERS)] for one in chance[1:3])
    email = Choice(Kind.EMAIL, f"{first}•••@{second}•••")
    return [mobile, email] if chance[3] % 2 else [mobile]
