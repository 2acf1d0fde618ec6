"""Imports as workers meet them: bells lost and doubled, workers that die or come back, files that are too much."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from apps.core import jobs
from apps.core.tests.threads import together
from apps.directory.models import OrgUnit, Person, RosterImport
from apps.directory.roster import planning, services, work
from apps.directory.tests.factories import a_class, a_person, a_school
from apps.directory.tests.roster.rosters import HEADER, text
from workers import sweep
from workers.tests.conftest import Bell

pytestmark = pytest.mark.django_db
CONTENT = text(HEADER[:3], ("1001", "张伟", "软件2401"), ("1002", "王芳", "软件2401"))


@pytest.fixture
def school(db: None) -> OrgUnit:
    school = a_school()
    a_class(school, "软件2401")
    return school


def upload(school: OrgUnit) -> RosterImport:
    return services.upload(CONTENT, name="a.csv", unit=school, by=None)


def pass_time() -> None:
    RosterImport.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def test_an_import_runs_by_its_bells(school: OrgUnit, bell: Bell) -> None:
    roster = upload(school)
    assert bell.rung == [(jobs.READ_ROSTER, (roster.pk,), "exports")]
    bell.answer()
    services.apply(RosterImport.objects.get(), by=None)
    assert bell.rung == [(jobs.APPLY_ROSTER, (roster.pk,), "exports")]
    bell.answer()
    assert RosterImport.objects.get().state == "applied"
    assert Person.objects.count() == 2


def test_a_bell_that_rings_twice_does_nothing_the_second_time(school: OrgUnit, bell: Bell) -> None:
    roster = upload(school)
    for _ in range(2):
        bell.run(jobs.READ_ROSTER, (roster.pk,))
    assert roster.changes.count() == 2
    services.apply(roster, by=None)
    for _ in range(2):
        bell.run(jobs.APPLY_ROSTER, (roster.pk,))
    assert Person.objects.count() == 2


def test_a_bell_that_was_lost_rings_again(school: OrgUnit, bell: Bell) -> None:
    upload(school)
    bell.rung.clear()
    sweep.tend_rosters()
    assert bell.rung == []
    pass_time()
    sweep.tend_rosters()
    assert [job for job, _args, _lane in bell.rung] == [jobs.READ_ROSTER]
    sweep.tend_rosters()
    assert len(bell.rung) == 1


def test_the_progress_can_be_seen(school: OrgUnit, bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "RUN", 1)
    roster = upload(school)
    seen = []
    work.read(roster.pk, progress=lambda done, total: seen.append((done, RosterImport.objects.get().done)))
    assert (1, 1) in seen
    assert seen[-1] == (2, 2)


def test_fault_28_a_file_that_takes_too_much_memory_has_failed_with_a_reason(
    school: OrgUnit, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_args: object) -> None:
        raise MemoryError

    upload(school)
    monkeypatch.setattr(planning.known, "by_number", too_much)
    bell.answer()
    roster = RosterImport.objects.get()
    assert (roster.state, bool(roster.error)) == ("failed", True)
    monkeypatch.undo()


def die(*_args: object) -> None:
    raise SystemExit


def test_fault_28_a_file_that_kills_its_workers_is_given_up(
    school: OrgUnit, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(school)
    monkeypatch.setattr(planning.known, "by_number", die)
    for _ in range(work.MAX_TRIES):
        with pytest.raises(SystemExit):
            bell.answer()
        pass_time()
        sweep.tend_rosters()
    assert bell.rung == []
    roster = RosterImport.objects.get()
    assert (roster.state, bool(roster.error)) == ("failed", True)


def test_a_worker_that_was_given_up_writes_nothing_more(
    school: OrgUnit, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is stopped in the middle, the second reads it all, then the first goes on."""
    monkeypatch.setattr(planning, "RUN", 1)
    roster = upload(school)

    def second(done: int, _total: int) -> None:
        if done == 1 and RosterImport.objects.get().tries == 1:
            pass_time()
            sweep.tend_rosters()
            work.read(roster.pk)

    work.read(roster.pk, progress=second)
    roster.refresh_from_db()
    assert (roster.state, roster.tries) == ("ready", 2)
    assert sorted(roster.changes.values_list("number", flat=True)) == ["1001", "1002"]


def test_discarded_while_it_is_being_read_it_stays_discarded(
    school: OrgUnit, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "RUN", 1)
    roster = upload(school)
    work.read(roster.pk, progress=lambda done, _total: done == 1 and services.discard(roster, by=None))
    roster.refresh_from_db()
    assert (roster.state, roster.changes.count()) == ("discarded", 0)


def test_killed_while_it_is_applied_nothing_is_half_done_and_it_is_tried_again(
    school: OrgUnit, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_person(OrgUnit.objects.get(name="软件2401"), number="1009")
    roster = upload(school)
    bell.answer()
    services.apply(roster, by=None, let_leave=True)
    with monkeypatch.context() as broken:
        broken.setattr(work, "forget_file", die)
        with pytest.raises(SystemExit):
            bell.answer()
    assert list(Person.objects.values_list("number", "state")) == [("1009", "active")]
    pass_time()
    sweep.tend_rosters()
    bell.answer()
    assert Person.objects.filter(state="active").count() == 2
    assert RosterImport.objects.get().state == "applied"


def test_what_nobody_confirms_is_thrown_away_in_the_end(school: OrgUnit, bell: Bell) -> None:
    upload(school)
    bell.answer()
    services.forget_old()
    assert RosterImport.objects.get().state == "ready"
    RosterImport.objects.update(created_at=timezone.now() - services.KEPT_UNCONFIRMED - timedelta(hours=1))
    services.forget_old()
    roster = RosterImport.objects.get()
    assert (roster.state, roster.parts.count(), roster.changes.count()) == ("discarded", 0, 0)


def test_the_record_of_an_import_outlives_its_lines(school: OrgUnit, bell: Bell) -> None:
    roster = upload(school)
    bell.answer()
    services.apply(roster, by=None)
    bell.answer()
    RosterImport.objects.update(ended_at=timezone.now() - services.KEPT_CHANGES - timedelta(hours=1))
    services.forget_old()
    roster.refresh_from_db()
    assert (roster.state, roster.counts["new"], roster.changes.count()) == ("applied", 2, 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_rosters_with_the_same_new_people_one_is_compared_anew(bell: Bell) -> None:
    top = a_school()
    a_class(top, "软件2401")
    rosters = [upload(top) for _ in range(2)]
    bell.answer()
    for roster in rosters:
        services.apply(roster, by=None)
    assert together(*(partial(work.write, roster.pk) for roster in rosters)) == [None, None]
    assert sorted(RosterImport.objects.values_list("state", flat=True)) == ["applied", "reading"]
    assert Person.objects.count() == 2
    bell.rung[:] = [one for one in bell.rung if one[0] == jobs.READ_ROSTER]
    bell.answer()
    assert RosterImport.objects.get(state="ready").counts["unchanged"] == 2
