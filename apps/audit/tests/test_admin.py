"""The audit log in the admin: to be searched, never changed."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from apps.accounts.tests.factories import a_user, a_user_with
from apps.audit import changes
from apps.audit import services as audit
from apps.audit.admin import changed_names
from apps.audit.models import VERBS, Entry
from apps.directory.models import ContactPoint, OrgUnit
from apps.directory.tests.factories import a_department, a_person, a_school

LIST = "admin:audit_entry_changelist"


@pytest.fixture
def school(db: None) -> OrgUnit:
    return a_school("示例职业学院")


@pytest.fixture
def entry(school: OrgUnit) -> Entry:
    told = changes.shown(ContactPoint, {"value": ("zhang.wei@school.example", "zhang@school.example")})
    return audit.record("publish", school, by=a_user("clerk"), changes=told, reason="考试安排")


def client_of(role: str, unit: OrgUnit) -> Client:
    client = Client()
    client.force_login(a_user_with(role, unit))
    client.cookies["django_language"] = "en"
    return client


@pytest.mark.parametrize(("typed", "found"), [("clerk", 1), ("orgunit {}", 1), ("orgunit 0", 0), ("somebody", 0)])
def test_an_entry_is_found_by_person_or_object(typed: str, found: int, entry: Entry, admin_client: Client) -> None:
    typed = typed.format(entry.object_id)
    assert admin_client.get(reverse(LIST), {"q": typed}).context["cl"].result_count == found


def test_an_entry_stays_as_it_is(entry: Entry, admin_client: Client) -> None:
    page = reverse("admin:audit_entry_change", args=[entry.pk])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"verb": "nothing"}).status_code == 403
    admin_client.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert Entry.objects.get(pk=entry.pk).verb == "publish"


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ([{"changed": {"fields": ["Name"]}}], ["Name"]),
        ([{"added": {"name": "membership", "object": "张伟 · 软件1班"}}], ["membership: added"]),
        ([{"changed": {"name": "membership", "object": "x", "fields": ["Unit"]}}], ["membership: Unit"]),
        ([{"deleted": {"name": "membership", "object": "x"}}], ["membership: deleted"]),
        ("Changed password.", ["Changed password."]),
    ],
)
def test_a_change_message_becomes_names_without_values(message: object, names: list[str]) -> None:
    assert changed_names(message) == names


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"verb": "publish"}, 1),
        ({"verb": "recall"}, 0),
        ({"kind": "directory.orgunit"}, 1),
        ({"kind": "directory.person"}, 0),
        ({"door__exact": "system"}, 1),
        ({"door__exact": "admin"}, 0),
    ],
)
def test_the_log_is_narrowed_by_act_kind_and_door(
    asked: dict[str, str], found: int, entry: Entry, admin_client: Client
) -> None:
    assert admin_client.get(reverse(LIST), asked | {"q": "clerk"}).context["cl"].result_count == found


def test_before_and_after_stand_side_by_side_and_addresses_are_masked(entry: Entry, admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:audit_entry_change", args=[entry.pk])).content.decode()
    assert '<td class="before">z***@school.example</td><td class="after">z***@school.example</td>' in page
    assert "zhang" not in page
    assert "考试安排" in page
    assert reverse("admin:directory_orgunit_change", args=[entry.object_id]) in page
    assert entry.signature in page


def test_auditors_read_the_log_of_their_subtree_and_nobody_elses(school: OrgUnit) -> None:
    department, other = a_department(school, "教务处"), a_department(school, "后勤处")
    section = a_department(department, "考务科")
    for target in (school, department, section, other, a_person(section, name="王芳"), a_person(other, name="张伟")):
        audit.record("change", target, by=None)
    auditor = client_of("auditor", department)
    listed = auditor.get(reverse(LIST), {"verb": "change"}).context["cl"].result_list
    assert {one.object_name.split(" ")[0] for one in listed} == {"教务处", "考务科", "王芳"}
    foreign = Entry.objects.get(object_id=other.pk, object_type="directory.orgunit")
    assert auditor.get(reverse("admin:audit_entry_change", args=[foreign.pk])).status_code == 302
    everything = client_of("auditor", school).get(reverse(LIST), {"verb": "change"}).context["cl"]
    assert everything.result_count == 6


def test_who_reads_no_log_is_kept_from_it(entry: Entry, school: OrgUnit) -> None:
    for role in ("author", "approver", "unit_manager", "operator"):
        assert client_of(role, school).get(reverse(LIST)).status_code == 403


def test_every_verb_has_words_in_both_languages() -> None:
    with translation.override("zh-hans"):
        assert not [verb for verb, words in VERBS.items() if str(words).isascii()]
