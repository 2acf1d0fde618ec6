"""Units and people for tests. Every call makes another one; what a test does not name does not matter to it."""

from itertools import count

from apps.directory.models import ContactPoint, Membership, OrgUnit, Person, Relation, RosterImport

Kind = OrgUnit.Kind
_numbers = count(1)


def a_school(name: str = "") -> OrgUnit:
    return a_unit(name, kind=Kind.SCHOOL)


def a_department(school: OrgUnit, name: str = "") -> OrgUnit:
    return a_unit(name, kind=Kind.DEPARTMENT, parent=school)


def a_class(parent: OrgUnit, name: str = "", *, students: int = 0) -> OrgUnit:
    unit = a_unit(name, kind=Kind.CLASS, parent=parent)
    for _ in range(students):
        a_person(unit)
    return unit


def a_unit(name: str = "", *, kind: str = Kind.CLASS, parent: OrgUnit | None = None) -> OrgUnit:
    return OrgUnit.objects.create(name=name or f"{kind} {next(_numbers)}", kind=kind, parent=parent)


def a_person(
    unit: OrgUnit | None = None,
    *,
    name: str = "",
    kind: str = Person.Kind.STUDENT,
    number: str | None = None,
    email: str = "",
    mobile: str = "",
    devices: tuple[str, ...] = (),
) -> Person:
    """Somebody with a number (guardians have none) who belongs to `unit`, with the addresses named."""
    serial = next(_numbers)
    if number is None and kind != Person.Kind.GUARDIAN:
        number = f"20{serial:08}"
    person = Person.objects.create(name=name or f"person {serial}", kind=kind, number=number)
    if unit:
        Membership.objects.create(person=person, unit=unit)
    addresses = [("email", email), ("mobile", mobile), *(("device", token) for token in devices)]
    for address_kind, value in addresses:
        if value:
            ContactPoint.objects.create(person=person, kind=address_kind, value=value)
    return person


def a_guardian(*children: Person, **fields: str) -> Person:
    guardian = a_person(kind=Person.Kind.GUARDIAN, **fields)
    for child in children:
        Relation.objects.create(person=guardian, kind=Relation.Kind.GUARDIAN, of=child)
    return guardian


def a_roster(unit: OrgUnit, *, state: str = RosterImport.State.READY, **fields: object) -> RosterImport:
    """An import as it stands after it was read, without its file."""
    known = {"file_name": "roster.csv", "size": 1, "sha256": "0" * 64, "language": "zh-hans"}
    return RosterImport.objects.create(unit=unit, state=state, **known | fields)
