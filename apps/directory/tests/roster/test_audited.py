"""Who pressed which button of an import is on record, and a key that has ended meanwhile applies nothing."""

import pytest
from django.utils import timezone

from apps.accounts import keys
from apps.accounts.keys import KeyDraft
from apps.accounts.models import ApiKey, User
from apps.audit.models import Entry
from apps.directory.models import Person, RosterImport
from apps.directory.roster import services, work
from apps.directory.roster.services import Options
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, compared, text

pytestmark = pytest.mark.django_db
CONTENT = text(HEADER[:3], ("1001", "张伟", "软件2401"))


@pytest.fixture
def system(school: School) -> User:
    """The manager by a key, as a school system comes."""
    draft = KeyDraft(name="教务系统", kind=ApiKey.Kind.LIVE, scopes=("manage_people",), unit=school.college)
    user = User.objects.get(pk=school.manager.pk)
    user.api_key = keys.create(draft, by=school.manager).row
    return user


def noted(verb: str) -> tuple[str, str | None]:
    entry = Entry.objects.get(verb=verb, object_type="directory.rosterimport")
    return entry.actor_name, entry.details.get("key")


def test_who_corrected_and_who_applied_is_on_record(school: School) -> None:
    roster = compared(CONTENT, school.college, by=school.manager)
    services.correct(roster, Options(complete=False), by=school.manager, ring=False)
    work.read(roster.pk)
    services.apply(roster, by=school.head, let_leave=True, ring=False)
    assert noted("correct") == (school.manager.username, None)
    assert noted("apply") == (school.head.username, None)


def test_a_key_is_named_also_where_a_worker_has_done_it(school: School, system: User) -> None:
    roster = compared(CONTENT, school.college, by=system)
    services.apply(roster, by=system, let_leave=True, ring=False)
    work.write(roster.pk)
    assert noted("apply") == noted("import") == (system.username, str(system.api_key))
    assert Person.objects.filter(number="1001").exists()


@pytest.mark.parametrize("end", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}, {"scopes": ["see"]}])
def test_a_key_that_has_ended_meanwhile_applies_nothing(school: School, system: User, end: dict[str, object]) -> None:
    roster = compared(CONTENT, school.college, by=system)
    services.apply(roster, by=system, let_leave=True, ring=False)
    ApiKey.objects.update(**end)
    work.write(roster.pk)
    assert RosterImport.objects.get().state == RosterImport.State.READY
    assert not Entry.objects.filter(verb="import").exists()


def test_what_a_key_uploads_leaves_those_alone_who_hold_more_than_it(school: School, system: User) -> None:
    """As it would be refused when the same key applies it."""
    rows = text(("学号", "姓名", "手机"), ("T900001", "周勇", "19900000131"))
    teacher = Person.objects.create(name="周勇", kind="staff", number="T900001")
    teacher.memberships.create(unit=school.college)
    author = User.objects.create(username="teacher", person=teacher)
    author.roles.create(unit=school.college, role="author")
    roster = compared(rows, school.college, by=system, complete=False)
    services.apply(roster, by=system, let_leave=True, ring=False)
    work.write(roster.pk)
    assert not teacher.contact_points.exists()
    assert RosterImport.objects.get().state == RosterImport.State.APPLIED
