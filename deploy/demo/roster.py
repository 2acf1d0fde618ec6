"""Puts a made-up school into the directory. Done twice, the second time does nothing."""

import secrets
from collections.abc import Iterable

from apps.accounts.models import RoleAssignment, User
from apps.core.db import transactional
from apps.delivery.models import Suppression
from apps.directory.models import Adviser, ContactPoint, Membership, OrgUnit, Person, Relation
from deploy.demo.place import Place
from deploy.demo.school import Human, Login, Path, School, Unit

BATCH = 1_000


@transactional
def save(made: School) -> int:
    """Add the units and people that are not there yet, guardians with their student. Returns how many people."""
    units = save_units(made.units)
    known = numbers()
    new = [human for human in made.humans if (human.number or human.guards) not in known]
    people = Person.objects.bulk_create((_person(human) for human in new), batch_size=BATCH)
    pairs = list(zip(new, people, strict=True))
    Membership.objects.bulk_create(
        (Membership(person=person, unit=units[human.unit]) for human, person in pairs if human.unit), batch_size=BATCH
    )
    ContactPoint.objects.bulk_create(
        (
            ContactPoint(person=person, kind=contact.kind, value=contact.value)
            for human, person in pairs
            for contact in human.contacts
        ),
        batch_size=BATCH,
    )
    _relate(pairs)
    Adviser.objects.bulk_create(
        (Adviser(person=person, unit=units[human.advises]) for human, person in pairs if human.advises),
        batch_size=BATCH,
    )
    _suppress(new)
    return len(people)


def _person(human: Human) -> Person:
    same = ("kind", "name", "number", "cohort", "born_on", "state")
    return Person(**{name: getattr(human, name) for name in same})


def numbers() -> dict[str, int]:
    """Number -> id of everybody who has one."""
    return dict(Person.objects.filter(number__isnull=False).values_list("number", "pk"))


def mobiles_given() -> int:
    return ContactPoint.objects.filter(kind=ContactPoint.Kind.MOBILE).count()


def save_units(units: Iterable[Unit]) -> dict[Path, OrgUnit]:
    """Path -> unit. Parents stand before their children."""
    saved: dict[Path, OrgUnit] = {}
    for unit in units:
        parent = saved.get(unit.path[:-1])
        found = OrgUnit.objects.get_or_create(parent=parent, name=unit.path[-1], defaults={"kind": unit.kind})
        saved[unit.path] = found[0]
    return saved


def _relate(pairs: list[tuple[Human, Person]]) -> None:
    known = numbers()
    guards = [
        Relation(person=person, kind=Relation.Kind.GUARDIAN, of_id=known[human.guards])
        for human, person in pairs
        if human.guards
    ]
    Relation.objects.bulk_create(guards, batch_size=BATCH)


def _suppress(humans: Iterable[Human]) -> None:
    listed = {(contact.kind, contact.value): reason for human in humans for contact, reason in human.suppressed}
    Suppression.objects.bulk_create(
        (Suppression(kind=kind, value=value, reason=reason) for (kind, value), reason in listed.items()),
        ignore_conflicts=True,
    )


def save_login(login: Login, place: Place) -> User:
    """The account with its role. Its password is kept in a file first, so that it can be shown again."""
    if user := User.objects.filter(username=login.username).first():
        return user
    passwords = place.read("logins")
    password = passwords.setdefault(login.username, secrets.token_urlsafe(9))
    place.write("logins", passwords)
    return _create(login, password)


@transactional
def _create(login: Login, password: str) -> User:
    person = Person.objects.filter(number=login.person).first() if login.person else None
    administrator = login.role == RoleAssignment.Role.ADMINISTRATOR
    user = User(username=login.username, person=person, is_superuser=administrator)
    user.first_name = person.name if person else ""
    user.set_password(password)
    user.save()
    if login.role:
        RoleAssignment.objects.create(user=user, role=login.role, unit=unit_at(login.unit))
    return user


def unit_at(path: Path) -> OrgUnit:
    unit = None
    for name in path:
        unit = OrgUnit.objects.get(parent=unit, name=name)
    return unit


def password_of(username: str, place: Place) -> str:
    """As it was given out; empty if it has been changed since."""
    password = place.read("logins").get(username, "")
    user = User.objects.filter(username=username).first()
    return password if user and user.check_password(password) else ""
