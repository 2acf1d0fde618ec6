"""Users and roles in the admin: nobody makes himself mightier, and every login is on record."""

import pytest
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask
from knox.models import AuthToken
from rest_framework.test import APIClient

from apps.accounts.models import RoleAssignment, User
from apps.audit.models import Entry
from apps.directory.models import OrgUnit, Person

PASSWORD = "Autumn-Leaves-7"


@pytest.fixture
def school(db: None) -> OrgUnit:
    return OrgUnit.objects.create(name="示例职业学院", kind=OrgUnit.Kind.SCHOOL)


@pytest.fixture
def clerk(db: None) -> User:
    """Keeps users and roles, but is no superuser."""
    user = User.objects.create_user("clerk", password=PASSWORD, is_staff=True)
    codes = [f"{verb}_{model}" for verb in ("view", "add", "change", "delete") for model in ("user", "roleassignment")]
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return user


@pytest.fixture
def clerks_client(clerk: User, client: Client) -> Client:
    client.force_login(clerk)
    return client


def page_of(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


def test_a_clerk_gives_nobody_powers(clerks_client: Client) -> None:
    teacher = User.objects.create_user("teacher")
    powers = Permission.objects.values_list("pk", flat=True)[:3]
    posted = {"username": "teacher", "is_active": "on", "is_staff": "on", "is_superuser": "on", "last_name": "张"}
    assert clerks_client.post(page_of(teacher), {**posted, "user_permissions": list(powers)}).status_code == 302
    teacher.refresh_from_db()
    assert teacher.last_name == "张"
    assert not teacher.is_staff
    assert not teacher.is_superuser
    assert not teacher.user_permissions.exists()


def test_a_clerk_neither_changes_nor_deletes_other_staff(clerks_client: Client, admin_user: User) -> None:
    colleague = User.objects.create_user("colleague", password=PASSWORD, is_staff=True)
    for user in (admin_user, colleague):
        before = user.password
        posted = {"password1": "Winter-Leaves-8", "password2": "Winter-Leaves-8"}
        password = reverse("admin:auth_user_password_change", args=[user.pk])
        assert clerks_client.post(password, posted).status_code == 403
        assert clerks_client.post(page_of(user), {"username": "x"}).status_code == 403
        everything = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
        clerks_client.post(reverse("admin:accounts_user_changelist"), everything)
        user.refresh_from_db()
        assert user.password == before


def test_a_clerk_gives_no_roles_and_leaves_those_who_hold_one_alone(
    clerks_client: Client, clerk: User, school: OrgUnit
) -> None:
    teacher = User.objects.create_user("teacher")
    for user in (teacher, clerk):
        posted = {"user": user.pk, "unit": school.pk, "role": "administrator"}
        assert clerks_client.post(reverse("admin:accounts_roleassignment_add"), posted).status_code == 403
    role = RoleAssignment.objects.create(user=teacher, unit=school, role="author")
    page = reverse("admin:accounts_roleassignment_change", args=[role.pk])
    assert clerks_client.post(page, {**posted, "user": teacher.pk}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[teacher.pk])
    posted = {"password1": "Winter-Leaves-8", "password2": "Winter-Leaves-8"}
    assert clerks_client.post(password, posted).status_code == 403


def test_a_clerk_does_not_become_another_person(clerks_client: Client, clerk: User) -> None:
    principal = Person.objects.create(name="校长", kind="staff")
    clerks_client.post(page_of(clerk), {"username": "clerk", "is_active": "on", "person": principal.pk})
    clerk.refresh_from_db()
    assert clerk.person is None


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
