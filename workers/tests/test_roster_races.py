"""Imports that meet: each other, somebody who enters by hand, a worker that was given up. The races are made."""

import threading
from collections.abc import Callable
from functools import partial

import pytest

from apps.core.tests.threads import together
from apps.directory.models import ContactPoint, OrgUnit, Person, RosterImport
from apps.directory.roster import applying, planning, services, work
from apps.directory.tests.factories import a_class, a_guardian, a_person, a_school
from apps.directory.tests.roster.rosters import HEADER, compared, text
from workers import sweep
from workers.tests.conftest import Bell
from workers.tests.test_rosters import pass_time, upload

pytestmark = pytest.mark.django_db(transaction=True)
Kind = Person.Kind


@pytest.fixture
def school() -> OrgUnit:
    school = a_school()
    for name in ("软件2401", "软件2402"):
        a_class(school, name)
    return school


def a_student(number: str) -> Person:
    return a_person(OrgUnit.objects.get(name="软件2401"), number=number, name="张伟")


def applying_now(content: bytes, school: OrgUnit) -> RosterImport:
    return services.apply(compared(content, school), by=None, ring=False)


@pytest.fixture
def after_the_look(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done when an import has looked at its people again, and has written nothing yet."""
    look = applying._verify

    def set_up(action: Callable[[], object]) -> None:
        monkeypatch.setattr(applying, "_verify", lambda changes: (look(changes), action()))

    return set_up


def write_together(rosters: list[RosterImport], after_the_look: Callable[[Callable[[], object]], None]) -> None:
    """Each waits with its writing until the other has looked as well, unless it cannot get that far."""
    met = threading.Barrier(2)

    def meet() -> None:
        try:
            met.wait(1)
        except threading.BrokenBarrierError:
            return

    after_the_look(meet)
    assert together(*(partial(work.write, roster.pk) for roster in rosters)) == [None, None]


def test_a_roster_applied_twice_at_once_makes_each_guardian_once(
    school: OrgUnit, bell: Bell, after_the_look: Callable[[Callable[[], object]], None]
) -> None:
    for number in ("1001", "1002"):
        a_student(number)
    rows = [(number, "张伟", "软件2401", "", "", f"家长{number}", "19900000201") for number in ("1001", "1002")]
    rosters = [applying_now(text(HEADER, *rows), school) for _ in range(2)]
    write_together(rosters, after_the_look)
    assert sorted(Person.objects.filter(kind=Kind.GUARDIAN).values_list("name", flat=True)) == ["家长1001", "家长1002"]
    assert sorted(RosterImport.objects.values_list("state", flat=True)) == ["applied", "reading"]


def test_two_rosters_that_move_one_student_leave_him_in_one_class(
    school: OrgUnit, bell: Bell, after_the_look: Callable[[Callable[[], object]], None]
) -> None:
    person = a_student("1001")
    third = a_class(school, "软件2403")
    contents = [text(HEADER[:3], ("1001", "张伟", name)) for name in ("软件2402", third.name)]
    write_together([applying_now(content, school) for content in contents], after_the_look)
    assert person.memberships.count() == 1
    assert sorted(RosterImport.objects.values_list("state", flat=True)) == ["applied", "reading"]


def name_by_hand() -> None:
    Person.objects.filter(number="1001").update(name="张三")


def address_by_hand() -> None:
    ContactPoint.objects.filter(person__kind=Kind.STUDENT).update(value="+8619900000999")


def guardian_by_hand() -> None:
    ContactPoint.objects.filter(person__kind=Kind.GUARDIAN).update(value="+8619900000999")


BY_HAND = [
    (name_by_hand, lambda: Person.objects.get(number="1001").name, "张三"),
    (address_by_hand, lambda: ContactPoint.objects.get(person__kind=Kind.STUDENT).value, "+8619900000999"),
    (guardian_by_hand, lambda: ContactPoint.objects.get(person__kind=Kind.GUARDIAN).value, "+8619900000999"),
]


@pytest.mark.parametrize(("enter", "entered", "wanted"), BY_HAND)
def test_what_is_entered_by_hand_while_it_is_applied_comes_after_it(
    enter: Callable[[], object],
    entered: Callable[[], object],
    wanted: str,
    school: OrgUnit,
    bell: Bell,
    after_the_look: Callable[[Callable[[], object]], None],
) -> None:
    child = a_student("1001")
    ContactPoint.objects.create(person=child, kind="mobile", value="+8619900000101", source="roster")
    a_guardian(child, name="张父", mobile="+8619900000201")
    ContactPoint.objects.update(source="roster")
    row = ("1001", "张大伟", "软件2401", "19900000102", "", "张父", "19900000202")
    roster = applying_now(text(HEADER, row), school)
    looked, done = threading.Event(), threading.Event()
    after_the_look(lambda: (looked.set(), done.wait(1)))

    def by_hand() -> None:
        assert looked.wait(30)
        enter()
        done.set()

    assert together(partial(work.write, roster.pk), by_hand) == [None, None]
    assert RosterImport.objects.get().state == "applied"
    assert entered() == wanted


# --- a worker that was given up ---------------------------------------------------------------------------------------
def a_successor(roster: RosterImport) -> None:
    pass_time()
    sweep.tend_rosters()
    work.read(roster.pk)


def test_a_worker_that_was_given_up_and_fails_then_leaves_the_diff_of_the_next(
    school: OrgUnit, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    roster = upload(school)
    by_number = planning.known.by_number

    def fail(_numbers: object) -> None:
        monkeypatch.setattr(planning.known, "by_number", by_number)
        a_successor(roster)
        raise MemoryError

    monkeypatch.setattr(planning.known, "by_number", fail)
    work.read(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, roster.tries, roster.changes.count()) == ("ready", 2, 2)


def test_a_worker_that_was_given_up_before_it_began_leaves_the_diff_of_the_next(
    school: OrgUnit, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    roster = upload(school)
    claim = work._claim

    def slowly(*args: object) -> RosterImport | None:
        claimed = claim(*args)
        monkeypatch.setattr(work, "_claim", claim)
        a_successor(roster)
        return claimed

    monkeypatch.setattr(work, "_claim", slowly)
    work.read(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, roster.tries, roster.changes.count()) == ("ready", 2, 2)
