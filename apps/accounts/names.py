"""What somebody types to say who he is: brought into one form, looked up, and counted as one however it is spelt."""

import unicodedata

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.errors import Conflict
from apps.directory.models import Person


def normal(typed: str) -> str:
    """One form of what looks the same; a directory (LDAP) reads it in one form too."""
    shown = unicodedata.normalize("NFKC", typed)
    return " ".join("".join(one for one in shown if one.isprintable() or one.isspace()).split())


def user_named(name: str) -> User | None:
    """By the collation of the database, which may take several spellings for one name."""
    return User.objects.filter(username=name).first()


def user_of(name: str) -> User | None:
    """By user name, else by student or staff number."""
    return user_named(name) or User.objects.filter(person__number=name).first()


def subject(user_id: int | None, name: str) -> str:
    """Whom tries count against: the login, else the name."""
    return f"name {normal(name).casefold()}" if user_id is None else f"user {user_id}"


def check_free(name: str, person: Person | None) -> None:
    """Raises `Conflict` for the number of anybody but this person, who would be taken for him and shut him out."""
    typed = normal(name)
    # Numbers are compared letter by letter, user names on some databases are not.
    others = Person.objects.filter(number__in={typed, typed.upper(), typed.lower()})
    if others.exclude(pk=person.pk if person else None).exists():
        raise taken()


def taken() -> Conflict:
    return Conflict(_("This user name is taken."), code="name_taken", field="username")
