"""Whom a number belongs to that the school's own login (OIDC, CAS, LDAP) vouches for."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit import services as audit
from apps.core.db import transactional
from apps.core.errors import NotAllowed
from apps.directory.models import Person


@transactional
def user_of(number: object) -> User:
    """The login of the person with this student or staff number; one without any right is made if he has none.

    Raises `NotAllowed` for a number that is not on the roster, or whose person or login is no longer active.
    """
    rows = Person.objects.exclude(state=Person.State.LEFT).filter(number=str(number or "").strip())
    person = rows.exclude(number="").first()
    user = _login_of(person) if person else None
    if user is None or not user.may_log_in:
        raise NotAllowed(_("The school's login knows you, the roster does not. Ask the office of your department."))
    return user


def _login_of(person: Person) -> User | None:
    """None if the name is somebody else's."""
    found = User.objects.filter(person=person).first()
    if found:
        return found
    try:
        with transaction.atomic():
            user = User.objects.create_user(person.number, person=person)
    except IntegrityError:
        # Made at the same moment, or the name is taken.
        return User.objects.filter(person=person).first()
    audit.record("register", user, by=None)
    return user
