"""How somebody gets a login: with a code to a contact point on the roster. Nobody else does, and it gives no right.

Every step does and says the same for a number that nobody has, so that nobody learns here who belongs to the school.
"""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import codes, contacts, limits, names
from apps.accounts.models import Challenge, User
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import Conflict, InvalidInput
from apps.directory.models import ContactPoint, Person

MAX_NUMBER = Person._meta.get_field("number").max_length


def ask(number: str, via: str, *, network: str) -> Challenge:
    """Send a code to the contact point of this kind. Raises `TooMany`."""
    limits.take_letter("register", number, network=network)
    return codes.send(Challenge.Purpose.REGISTER, contacts.of(_newcomer(number), via), via=via)


def register(challenge: Challenge, code: str, *, number: str, password: str, network: str) -> User | None:
    """The new login, named by the number; None if the code is wrong, used or too old.

    Raises `InvalidInput` for a weak password, before the code is looked at, or `TooMany`.
    """
    checked(password, User(username=number))
    return codes.counted(network, lambda: _register(challenge, code, make_password(password)))


@transactional
def _register(challenge: Challenge, code: str, hashed: str) -> User | None:
    if not codes.redeem(challenge, code):
        return None
    person = challenge.person
    user = create(person, person.number, hashed, proved=challenge.contact_point)
    audit.record("register", user, by=user)
    return user


def create(person: Person, username: str, hashed: str, *, proved: ContactPoint) -> User:
    """A login for the person, who has shown that he reads at `proved`. Raises `Conflict`.

    Its password comes `hashed` (`make_password`): that takes long, and locks are held here.
    """
    if User.objects.filter(person=person).exists():
        raise Conflict(_("This person has a login already."), code="login_exists")
    name = User.normalize_username(username)
    if names.user_named(name):
        raise names.taken()
    names.check_free(name, person)
    ContactPoint.objects.filter(pk=proved.pk, verified_at=None).update(verified_at=timezone.now())
    return User.objects.create(username=name, password=hashed, person=person)


def checked(password: str, user: User) -> None:
    """Raises `InvalidInput` with what the rules for passwords say."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), code="weak_password", field="password") from None


def _newcomer(number: str) -> Person | None:
    """Somebody on the roster who has no login yet and has not left."""
    rows = Person.objects.filter(number=number, user=None).exclude(state=Person.State.LEFT)
    return rows.first() if number else None
