"""Who may put a roster into the directory: who manages the people of its unit, also when a worker comes to it later."""

import pytest

from apps.accounts.models import RoleAssignment
from apps.accounts.tests.factories import a_user_with
from apps.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from apps.directory.models import Person
from apps.directory.roster import services, work
from apps.directory.roster.services import Options
from apps.directory.tests.factories import a_guardian, a_person
from apps.directory.tests.roster.conftest import School
from apps.directory.tests.roster.rosters import HEADER, addresses, compared, lines, text

pytestmark = pytest.mark.django_db
CONTENT = text(HEADER[:3], ("1001", "张伟", "软件2401"))
ALLOWED = [("head", True), ("manager", True), ("colleague", False), ("stranger", False), ("recipient", False)]


@pytest.mark.parametrize(("name", "allowed"), ALLOWED)
def test_who_may_upload_for_a_unit(name: str, allowed: bool, school: School, rung: list) -> None:
    def upload() -> None:
        services.upload(CONTENT, name="a.csv", unit=school.college, by=school.user(name))

    if allowed:
        upload()
        assert rung[0][0] == "workers.read_roster"
    else:
        with pytest.raises(NotAllowed):
            upload()


@pytest.mark.parametrize(("name", "allowed"), ALLOWED)
def test_who_sees_and_ends_an_import(name: str, allowed: bool, school: School, rung: list) -> None:
    user = school.user(name)
    roster = compared(CONTENT, school.college)
    verbs = [
        lambda: services.correct(roster, Options(complete=False), by=user),
        lambda: services.apply(compared(CONTENT, school.college), by=user),
        lambda: services.discard(compared(CONTENT, school.college), by=user),
    ]
    if allowed:
        assert services.get(user, roster.pk) == roster
        for verb in verbs:
            verb()
        return
    with pytest.raises(NotFound):
        services.get(user, roster.pk)
    for verb in verbs:
        with pytest.raises(NotAllowed):
            verb()


def test_a_manager_of_one_unit_need_not_name_it(school: School) -> None:
    assert services.unit_for(school.manager, None) == school.college
    assert services.unit_for(school.head, None) == school.school
    assert services.unit_for(school.manager, school.room.pk) == school.room
    with pytest.raises(NotFound):
        services.unit_for(school.manager, school.other.pk)
    with pytest.raises(NotAllowed):
        services.unit_for(school.colleague, None)
    RoleAssignment.objects.create(user=school.manager, unit=school.other, role="unit_manager")
    with pytest.raises(InvalidInput):
        services.unit_for(school.manager, None)


def test_a_manager_s_roster_lets_nobody_of_another_unit_leave(school: School) -> None:
    a_person(school.foreign, number="2001")
    roster = compared(CONTENT, school.college)
    services.apply(roster, by=school.manager, ring=False)
    work.write(roster.pk)
    assert set(Person.objects.values_list("number", "state")) == {("1001", "active"), ("2001", "active")}


def test_who_has_lost_the_right_meanwhile_changes_nothing(school: School) -> None:
    roster = compared(CONTENT, school.college)
    services.apply(roster, by=school.manager, ring=False)
    RoleAssignment.objects.filter(user=school.manager).delete()
    work.write(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, bool(roster.error), Person.objects.count()) == ("ready", True, 0)


def test_what_somebody_has_asked_for_whose_login_is_gone_is_not_done_as_if_by_the_server(school: School) -> None:
    a_person(school.room, number="1002")
    roster = compared(CONTENT, school.college)
    services.apply(roster, by=school.manager, let_leave=True, ring=False)
    school.manager.delete()
    work.write(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, bool(roster.error)) == ("ready", True)
    assert list(Person.objects.values_list("number", "state")) == [("1002", "active")]


def test_nor_is_it_read(school: School, rung: list) -> None:
    roster = services.upload(CONTENT, name="a.csv", unit=school.college, by=school.manager)
    school.manager.delete()
    work.read(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, bool(roster.error), roster.changes.count()) == ("failed", True, 0)


def test_the_server_itself_has_no_login(school: School) -> None:
    roster = compared(CONTENT, school.college)
    services.apply(roster, by=None, ring=False)
    work.write(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, roster.created_by, roster.applied_by) == ("applied", None, None)


NEW_NUMBER = text(("工号", "姓名", "部门", "手机"), ("9001", "李主任", "信息学院", "13900000000"))


@pytest.fixture
def dean(school: School) -> Person:
    """Belongs to the manager's college, and holds more than he does."""
    person = a_person(school.college, number="9001", name="李敏", kind=Person.Kind.STAFF, mobile="+8613800000000")
    a_user_with("administrator", school.school, person=person)
    return person


def test_input_60_nobody_gets_at_the_codes_of_who_holds_more_by_a_roster(school: School, dean: Person) -> None:
    roster = compared(NEW_NUMBER, school.college, by=school.manager)
    (line,) = lines(roster, "ignored")
    assert (line.number, line.reason) == ("9001", "你无权更改此人的联系方式和状态，请联系全校管理员。")
    services.apply(roster, by=school.manager, ring=False)
    work.write(roster.pk)
    dean.refresh_from_db()
    assert (dean.name, [value for _kind, value, _source in addresses(dean)]) == ("李主任", ["+8613800000000"])


def test_input_60_nobody_shuts_out_who_holds_more_by_a_roster(school: School, dean: Person) -> None:
    """Neither by leaving him out nor by what the file says; whoever holds more himself does."""
    other = text(("工号", "姓名", "部门"), ("9002", "示例", "信息学院"))
    header = ("工号", "姓名", "部门", "状态")
    said = text(header, ("9001", "李敏", "信息学院", "离职"), ("9002", "示例", "信息学院", ""))
    for content in (other, said):
        roster = compared(content, school.college, by=school.manager)
        (line,) = lines(roster, "ignored")
        assert (line.number, line.act, roster.leave) == ("9001", None, 0)
        services.apply(roster, by=school.manager, ring=False)
        work.write(roster.pk)
        roster.refresh_from_db()
        dean.refresh_from_db()
        assert (roster.state, dean.state) == ("applied", "active")
    roster = compared(other, school.college, by=school.head)
    services.apply(roster, by=school.manager, let_leave=True, ring=False)
    work.write(roster.pk)
    roster.refresh_from_db()
    assert (roster.state, bool(roster.error)) == ("ready", True)
    services.apply(roster, by=school.head, let_leave=True, ring=False)
    work.write(roster.pk)
    dean.refresh_from_db()
    assert dean.state == "left"


def test_input_60_nor_by_applying_what_somebody_else_has_uploaded(school: School, dean: Person) -> None:
    roster = compared(NEW_NUMBER, school.college, by=school.head)
    assert lines(roster, "ignored") == []
    services.apply(roster, by=school.manager, ring=False)
    work.write(roster.pk)
    roster.refresh_from_db()
    dean.refresh_from_db()
    assert (roster.state, roster.error) == ("ready", "其中会更改你无权更改的人员的联系方式或状态。请自己上传该文件。")
    assert (dean.name, [value for _kind, value, _source in addresses(dean)]) == ("李敏", ["+8613800000000"])
    services.apply(roster, by=school.head, ring=False)
    work.write(roster.pk)
    assert "+8613900000000" in [value for _kind, value, _source in addresses(dean)]


def test_input_60_nor_as_the_guardian_of_somebody(school: School) -> None:
    child = a_person(school.room, number="1001", name="张伟")
    mother = a_guardian(child, name="王芳", mobile="+8613800000001")
    a_user_with("administrator", school.school, person=mother)
    file = text(HEADER, ("1001", "张伟", "软件2401", "", "", "王芳", "13900000000"))
    roster = compared(file, school.college, by=school.manager)
    services.apply(roster, by=school.manager, ring=False)
    work.write(roster.pk)
    assert [value for _kind, value, _source in addresses(mother)] == ["+8613800000001"]


def test_many_leavers_have_to_be_meant(school: School) -> None:
    a_person(school.room, number="1002")
    roster = compared(CONTENT, school.college)
    with pytest.raises(services.ManyLeave):
        services.apply(roster, by=school.manager, ring=False)
    assert services.apply(roster, by=school.manager, let_leave=True, ring=False).state == "applying"


def test_what_has_ended_or_is_in_work_is_left_alone(school: School, rung: list) -> None:
    roster = compared(CONTENT, school.college)
    services.apply(roster, by=None)
    for verb in (services.apply, services.discard):
        with pytest.raises(Conflict):
            verb(roster, by=None)
    with pytest.raises(Conflict):
        services.correct(roster, Options(), by=None)
    work.write(roster.pk)
    with pytest.raises(Conflict):
        services.apply(roster, by=None)


def test_a_roster_tells_no_number_that_it_did_not_hold(school: School) -> None:
    """An adviser who is known by name alone is shown by name alone, whoever reads the diff."""
    a_person(school.office, name="周勇", kind=Person.Kind.STAFF, number="T900001")
    by_name = text(("学号", "姓名", "班级", "班主任"), ("1001", "张伟", "软件2401", "周勇"))
    (line,) = lines(compared(by_name, school.school), "adviser")
    assert (line.number, line.values["adviser"][1]) == ("", "周勇")
    by_number = text(("学号", "姓名", "班级", "班主任工号"), ("1001", "张伟", "软件2401", "T900001"))
    (line,) = lines(compared(by_number, school.school), "adviser")
    assert (line.number, line.values["adviser"][1]) == ("T900001", "T900001")
