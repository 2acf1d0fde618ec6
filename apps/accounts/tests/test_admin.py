"""Users and roles in the admin: nobody makes himself mightier, and every login is on record."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask
from knox.models import AuthToken
from rest_framework.test import APIClient

from apps.accounts.models import ApiKey, RoleAssignment, User
from apps.accounts.tests.factories import a_superuser, a_user, a_user_with
from apps.audit.models import Entry
from apps.directory.models import ContactPoint, OrgUnit
from apps.directory.tests.factories import a_department, a_person

PASSWORD = "Autumn-Leaves-7"


@pytest.fixture
def school(db: None) -> OrgUnit:
    return OrgUnit.objects.create(name="示例职业学院", kind=OrgUnit.Kind.SCHOOL)


@pytest.fixture
def office(school: OrgUnit) -> OrgUnit:
    return a_department(school, "教务处")


@pytest.fixture
def clerk(office: OrgUnit) -> User:
    """Manages the people of one department, but is no superuser."""
    return a_user_with("unit_manager", office, username="clerk", password=PASSWORD)


@pytest.fixture
def teacher(office: OrgUnit) -> User:
    return a_user("teacher", password=PASSWORD, person=a_person(office, kind="staff"))


@pytest.fixture
def clerks_client(clerk: User, client: Client) -> Client:
    client.force_login(clerk)
    return client


def page_of(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


def posted(user: User, **changes: object) -> dict[str, object]:
    person = {"person": user.person_id} if user.person_id else {}
    return {"username": user.username, "is_active": "on", **person, **changes}


def set_password(client: Client, user: User) -> int:
    form = {"usable_password": "true", "password1": "Winter-Leaves-8", "password2": "Winter-Leaves-8"}
    return client.post(reverse("admin:auth_user_password_change", args=[user.pk]), form).status_code


def test_a_clerk_gives_nobody_powers(clerks_client: Client, teacher: User) -> None:
    powers = list(Permission.objects.values_list("pk", flat=True)[:3])
    group = Group.objects.create(name="everything")
    form = posted(teacher, is_staff="on", is_superuser="on", last_name="张", user_permissions=powers, groups=[group.pk])
    assert clerks_client.post(page_of(teacher), form).status_code == 302
    teacher.refresh_from_db()
    assert (teacher.last_name, teacher.is_staff, teacher.is_superuser) == ("张", False, False)
    assert not teacher.user_permissions.exists()
    assert not teacher.groups.exists()


def test_groups_and_permissions_of_django_give_nothing(teacher: User, client: Client) -> None:
    teacher.user_permissions.set(Permission.objects.all())
    teacher.groups.add(Group.objects.create(name="everything"))
    teacher.is_staff = True
    teacher.save()
    teacher = User.objects.get(pk=teacher.pk)
    assert not teacher.has_perm("directory.view_person")
    assert not teacher.has_module_perms("directory")
    client.force_login(teacher)
    assert client.get(reverse("admin:index")).status_code == 302
    assert not admin.site.is_registered(Group)


def test_a_clerk_keeps_the_logins_of_his_own_people(clerks_client: Client, teacher: User, school: OrgUnit) -> None:
    assert set_password(clerks_client, teacher) == 302
    foreign = a_user("foreign", person=a_person(a_department(school), kind="staff"))
    assert set_password(clerks_client, foreign) == 404
    assert clerks_client.get(page_of(foreign)).status_code == 302
    shown = clerks_client.get(reverse("admin:accounts_user_changelist")).context["cl"].result_list
    assert {one.username for one in shown} == {"teacher", "clerk"}


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("role", ["approver", "emergency_sender", "operator", "auditor", "administrator"])
def test_nobody_gets_at_the_login_of_somebody_who_holds_more(
    clerks_client: Client, office: OrgUnit, role: str, active: bool
) -> None:
    mightier = a_user_with(role, office, username="mightier", password=PASSWORD, is_active=active)
    before = User.objects.values().get(pk=mightier.pk)
    assert set_password(clerks_client, mightier) == 403
    for change in ({"email": "mine@school.example"}, {"username": "x"}, {"is_active": "on"}):
        assert clerks_client.post(page_of(mightier), posted(mightier, **change)).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [mightier.pk], "post": "yes"}
    assert clerks_client.post(reverse("admin:accounts_user_changelist"), chosen).status_code == 403
    assert User.objects.values().get(pk=mightier.pk) == before


def test_who_holds_a_role_elsewhere_holds_more(clerks_client: Client, teacher: User, school: OrgUnit) -> None:
    RoleAssignment.objects.create(user=teacher, unit=a_department(school), role="author")
    assert set_password(clerks_client, teacher) == 403


def test_nobody_but_a_superuser_gets_at_a_superuser(office: OrgUnit, school: OrgUnit, client: Client) -> None:
    root = a_superuser(username="root", person=a_person(office, kind="staff"))
    client.force_login(a_user_with("administrator", school))
    assert set_password(client, root) == 403
    client.force_login(a_superuser())
    assert set_password(client, root) == 302


def test_whose_login_it_is_decides_who_may_enter_his_addresses(
    clerks_client: Client, office: OrgUnit, teacher: User
) -> None:
    """A code for a new password goes there."""
    approver = a_user_with("approver", office, person=a_person(office, kind="staff", email="hers@school.example"))
    mine = {"kind": "email", "value": "mine@school.example"}
    add = reverse("admin:directory_contactpoint_add")
    assert clerks_client.post(add, {**mine, "person": teacher.person_id}).status_code == 302
    refused = clerks_client.post(add, {**mine, "person": approver.person_id})
    assert list(refused.context["adminform"].form.errors) == ["person"]
    hers = ContactPoint.objects.get(person=approver.person)
    page = reverse("admin:directory_contactpoint_change", args=[hers.pk])
    assert clerks_client.post(page, {**mine, "person": approver.person_id}).status_code == 403
    assert clerks_client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert ContactPoint.objects.get(person=approver.person).value == "hers@school.example"


def test_a_clerk_grants_and_takes_what_he_holds_himself(
    clerks_client: Client, clerk: User, teacher: User, office: OrgUnit, school: OrgUnit
) -> None:
    add = reverse("admin:accounts_roleassignment_add")

    def grant(user: User, role: str, unit: OrgUnit) -> int:
        return clerks_client.post(add, {"user": user.pk, "role": role, "unit": unit.pk}).status_code

    assert grant(teacher, "author", office) == 302
    for user, role, unit in (
        (teacher, "approver", office),
        (teacher, "administrator", office),
        (teacher, "author", school),
        (clerk, "author", office),
        (a_user("foreign", person=a_person(school)), "author", office),
    ):
        assert grant(user, role, unit) == 200, (user, role, unit)
    given = RoleAssignment.objects.exclude(user=clerk).get()
    assert (given.user, given.role, given.unit) == (teacher, "author", office)
    assert [entry.actor_name for entry in Entry.objects.filter(verb="grant")] == ["clerk"]
    delete = reverse("admin:accounts_roleassignment_delete", args=[given.pk])
    assert clerks_client.post(delete, {"post": "yes"}).status_code == 302
    assert Entry.objects.filter(verb="revoke").count() == 1


def test_a_clerk_takes_no_role_that_holds_more(clerks_client: Client, office: OrgUnit) -> None:
    role = RoleAssignment.objects.get(user=a_user_with("approver", office))
    page = reverse("admin:accounts_roleassignment_change", args=[role.pk])
    assert clerks_client.post(page, {"role": "author"}).status_code == 403
    assert clerks_client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [role.pk], "post": "yes"}
    assert clerks_client.post(reverse("admin:accounts_roleassignment_changelist"), chosen).status_code == 403
    assert RoleAssignment.objects.filter(pk=role.pk).exists()


def test_a_clerk_does_not_become_another_person(clerks_client: Client, clerk: User, office: OrgUnit) -> None:
    principal = a_person(office, name="校长", kind="staff")
    clerks_client.post(page_of(clerk), posted(clerk, person=principal.pk))
    clerk.refresh_from_db()
    assert clerk.person is None


def test_a_clerk_makes_logins_for_his_own_people_only(clerks_client: Client, office: OrgUnit, school: OrgUnit) -> None:
    form = {"username": "new", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    add = reverse("admin:accounts_user_add")
    for person in ("", a_person(school).pk, a_person().pk):
        page = clerks_client.post(add, {**form, "person": person})
        assert list(page.context["adminform"].form.errors) == ["person"]
    assert clerks_client.post(add, {**form, "person": a_person(office).pk}).status_code == 302
    assert User.objects.get(username="new").person.units.get() == office


def test_an_administrator_makes_a_user_and_the_log_has_no_password(admin_client: Client) -> None:
    posted = {"username": "teacher", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert admin_client.post(reverse("admin:accounts_user_add"), posted).status_code == 302
    user = User.objects.get(username="teacher")
    assert user.check_password(PASSWORD)
    password = reverse("admin:auth_user_password_change", args=[user.pk])
    changed = {"usable_password": "true", "password1": "Winter-Leaves-8", "password2": "Winter-Leaves-8"}
    assert admin_client.post(password, changed).status_code == 302
    entries = Entry.objects.filter(object_type="accounts.user", object_id=user.pk)
    assert list(entries.order_by("pk").values_list("verb", flat=True)) == ["create", "change"]
    assert "Leaves" not in str(list(entries.values()))


def test_login_and_logout_are_on_record(clerk: User, client: Client) -> None:
    client.post("/login", {"login": "clerk", "password": PASSWORD})
    client.post(reverse("admin:logout"))
    entries = Entry.objects.order_by("pk")
    assert [(one.verb, one.actor_name, one.object_id) for one in entries] == [
        ("login", "clerk", str(clerk.pk)),
        ("logout", "clerk", str(clerk.pk)),
    ]


def test_login_and_logout_by_api_are_on_record(clerk: User) -> None:
    client = APIClient()
    wrong = client.post("/api/v1/login", {"username": "clerk", "password": "wrong-Leaves"})
    right = client.post("/api/v1/login", {"username": "clerk", "password": PASSWORD})
    assert (wrong.status_code, right.status_code) == (401, 200)
    client.credentials(HTTP_AUTHORIZATION=f"Token {right.data['token']}")
    assert client.post("/api/v1/logout", {}).status_code == 204
    verbs = Entry.objects.filter(object_id=clerk.pk).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["login_failed", "login", "logout"]


@pytest.mark.parametrize(
    ("tried", "recorded"),
    [("clerk", "clerk"), ("nobody", "nobody"), ("x" * 1000, "x" * 150), ("no\x07body", "nobody")],
)
def test_a_failed_login_is_on_record_with_the_tried_name(tried: str, recorded: str, clerk: User) -> None:
    assert authenticate(None, username=tried, password="wrong-Leaves") is None
    entry = Entry.objects.get(verb="login_failed")
    assert (entry.object_name, entry.actor_id) == (recorded, None)
    assert entry.object_id == (str(clerk.pk) if recorded == "clerk" else "0")
    assert "Leaves" not in str(vars(entry))


def test_a_failed_login_at_the_door_is_on_record(clerk: User, client: Client) -> None:
    assert client.post("/login", {"login": "clerk", "password": "wrong-Leaves"}).status_code == 200
    assert Entry.objects.filter(verb="login_failed", object_id=clerk.pk).count() == 1


def test_a_teacher_is_kept_out_of_the_admin(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("teacher"))
    assert client.get(reverse("admin:index")).status_code == 302


def test_tokens_and_schedules_are_not_for_the_admin() -> None:
    assert not admin.site.is_registered(AuthToken)
    assert not admin.site.is_registered(PeriodicTask)


@pytest.mark.parametrize(
    ("role", "enters"),
    [
        *((role, True) for role in ("administrator", "unit_manager", "author", "approver", "emergency_sender")),
        *((role, True) for role in ("operator", "auditor")),
        ("recipient", False),
    ],
)
def test_whoever_holds_a_right_enters_the_admin(role: str, enters: bool, office: OrgUnit, client: Client) -> None:
    user = a_user_with(role, office, password=PASSWORD)
    assert client.get(reverse("admin:index")).status_code == 302
    client.post("/login", {"login": user.username, "password": PASSWORD})
    assert client.get(reverse("admin:index")).status_code == (200 if enters else 302)


def test_a_key_is_shown_once_and_kept_as_a_digest(clerks_client: Client, office: OrgUnit) -> None:
    form = {"name": "教务系统", "kind": "live", "unit": office.pk, "scopes": ["see", "write"]}
    page = clerks_client.post(reverse("admin:accounts_apikey_add"), form)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    (token,) = re.findall(r"mk_live_[a-zA-Z0-9]{51}", page.content.decode())
    row = ApiKey.objects.get()
    assert token not in str(vars(row))
    assert token not in str(list(Entry.objects.values()))
    for url in ("changelist", "change", "history"):
        args = [] if url == "changelist" else [row.pk]
        shown = clerks_client.get(reverse(f"admin:accounts_apikey_{url}", args=args)).content.decode()
        assert row.prefix in shown
        assert token not in shown
    revoke = {"action": "revoke", "_selected_action": [row.pk]}
    assert clerks_client.post(reverse("admin:accounts_apikey_changelist"), revoke).status_code == 302
    row.refresh_from_db()
    assert row.revoked_at
    assert list(Entry.objects.filter(object_type="accounts.apikey").values_list("verb", flat=True)) == [
        "create",
        "revoke",
    ]


@pytest.mark.parametrize(
    "change", [{"scopes": ["manage_channels"]}, {"scopes": []}, {"kind": "test", "scopes": ["export"]}]
)
def test_a_key_that_would_hold_too_much_is_not_made(
    clerks_client: Client, office: OrgUnit, change: dict[str, object]
) -> None:
    form = {"name": "教务系统", "kind": "live", "unit": office.pk, "scopes": ["see"], **change}
    page = clerks_client.post(reverse("admin:accounts_apikey_add"), form)
    assert list(page.context["adminform"].form.errors) == ["scopes"]
    assert not ApiKey.objects.exists()


def test_the_number_of_another_person_is_no_user_name(client: Client, teacher: User, office: OrgUnit) -> None:
    client.force_login(a_superuser())
    other = a_person(office, number="2024010109")
    assert client.post(page_of(teacher), posted(teacher, username=other.number)).status_code == 200
    new = {"username": other.number, "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    add = reverse("admin:accounts_user_add")
    answer = client.post(add, new)
    assert "username" in answer.context["adminform"].form.errors
    assert not User.objects.filter(username=other.number).exists()
    assert client.post(add, {**new, "person": other.pk}).status_code == 302
    made = User.objects.get(username=other.number)
    assert client.post(page_of(made), posted(made, last_name="李")).status_code == 302
    assert client.post(page_of(made), posted(made, person=a_person(office).pk)).status_code == 200


def test_a_clerk_who_may_not_change_his_own_person_keeps_his_number(client: Client, office: OrgUnit) -> None:
    own = a_user_with("administrator", office, username="2024010109", person=a_person(office, number="2024010109"))
    client.force_login(own)
    assert client.post(page_of(own), posted(own, last_name="李")).status_code == 302
    own.refresh_from_db()
    assert own.last_name == "李"
