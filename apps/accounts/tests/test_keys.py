"""Keys of school systems: seen once, held back by scopes, unit, time and what their owner holds now."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.throttling import SimpleRateThrottle

from apps.accounts import keys, rights
from apps.accounts.keys import SCOPES, KeyDraft, NewKey
from apps.accounts.models import ApiKey, RoleAssignment, User
from apps.accounts.rights import Right
from apps.accounts.tests.factories import a_client, a_superuser, a_user_with, with_key
from apps.audit.models import Entry
from apps.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from apps.core.tests.api import refusals
from apps.directory.models import OrgUnit
from apps.directory.tests.factories import a_class, a_department, a_school

pytestmark = pytest.mark.django_db
URL, DOOR = "/api/v1/keys", "/api/v1/channels"
EVERYTHING = tuple(str(one) for one in SCOPES)


@pytest.fixture
def school() -> OrgUnit:
    return a_school("school")


@pytest.fixture
def office(school: OrgUnit) -> OrgUnit:
    return a_department(school, "office")


@pytest.fixture
def head(office: OrgUnit) -> User:
    return a_user_with("administrator", office, username="head")


def a_key(by: User, unit: OrgUnit, *scopes: str, kind: str = "live", **fields: object) -> NewKey:
    return keys.create(KeyDraft(name="教务系统", kind=kind, scopes=scopes or ("see",), unit=unit, **fields), by=by)


# --- making and revoking ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["live", "test"])
def test_a_key_is_told_once_and_kept_as_a_digest(head: User, office: OrgUnit, kind: str) -> None:
    made = a_key(head, office, "write", "see", kind=kind)
    assert re.fullmatch(rf"mk_{kind}_[a-zA-Z0-9]{{51}}", made.token)
    assert made.row.prefix == made.token[:16]
    stored = str(list(ApiKey.objects.values())) + str(list(Entry.objects.values()))
    assert made.token not in stored
    assert made.token[16:] not in stored
    assert made.token not in repr(made)
    assert made.row.scopes == ["see", "write"]
    assert timedelta(days=364) < made.row.expires_at - timezone.now() < timedelta(days=366)
    entry = Entry.objects.get(object_type="accounts.apikey")
    assert (entry.verb, entry.actor_name, entry.unit_id) == ("create", "head", office.pk)


@pytest.mark.parametrize(
    ("scopes", "kind"),
    [
        ((), "live"),
        (("king",), "live"),
        (("grant",), "live"),
        (("see", "approve"), "live"),
        (("write",), "live"),
        (("publish", "export"), "live"),
        (("see", "manage_people"), "test"),
        (("see",), "other"),
    ],
)
def test_scopes_that_are_none_or_do_not_fit_are_refused(
    head: User, office: OrgUnit, scopes: tuple[str, ...], kind: str
) -> None:
    with pytest.raises(InvalidInput):
        keys.create(KeyDraft(name="x", kind=kind, scopes=scopes, unit=office), by=head)
    assert not ApiKey.objects.exists()


def test_a_key_never_holds_more_than_its_maker(office: OrgUnit, school: OrgUnit) -> None:
    manager = a_user_with("unit_manager", office)
    a_key(manager, office, "see", "write", "publish", "see_addresses", "manage_people", "export")
    for scopes in (("see", "emergency"), ("manage_channels",), ("read_audit",)):
        with pytest.raises(NotAllowed):
            a_key(manager, office, *scopes)
    for unit in (school, a_department(school, "other")):
        with pytest.raises(NotFound):
            a_key(manager, unit)
    for role in ("author", "approver", "emergency_sender", "operator", "auditor"):
        with pytest.raises(NotAllowed):
            a_key(a_user_with(role, office), office)


@pytest.mark.parametrize("days", [-1, 0, 4 * 366])
def test_a_key_expires_in_the_future_and_within_three_years(head: User, office: OrgUnit, days: int) -> None:
    with pytest.raises(InvalidInput):
        a_key(head, office, expires_at=timezone.now() + timedelta(days=days))


def test_revoked_by_its_owner_or_who_hands_out_rights_there(head: User, office: OrgUnit) -> None:
    first, second = a_key(head, office), a_key(head, office)
    colleague, stranger = a_user_with("author", office), a_user_with("administrator", a_department(office.parent))
    for user in (colleague, stranger):
        with pytest.raises(NotFound):
            keys.revoke(first.row, by=user)
    keys.revoke(first.row, by=head)
    keys.revoke(second.row, by=a_user_with("unit_manager", office))
    with pytest.raises(Conflict):
        keys.revoke(first.row, by=head)
    assert keys.find(first.token) is keys.find(second.token) is None


# --- what it opens ----------------------------------------------------------------------------------------------------
def test_it_opens_the_api_as_its_owner(head: User, office: OrgUnit) -> None:
    client = with_key(a_key(head, office).token)
    assert client.get(DOOR).status_code == 200


def test_input_26_no_expired_revoked_or_unknown_key_and_one_of_somebody_inactive_get_the_same_401(
    head: User, office: OrgUnit
) -> None:
    good, expired, revoked, inactive = (a_key(head, office) for _ in range(4))
    other = a_user_with("administrator", office)
    inactive = a_key(other, office)
    User.objects.filter(pk=other.pk).update(is_active=False)
    ApiKey.objects.filter(pk=expired.row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    keys.revoke(revoked.row, by=head)
    altered = good.token[:-1] + ("a" if good.token[-1] != "a" else "b")
    tokens = [expired.token, revoked.token, inactive.token, altered, good.token[:-1], good.token + "x", "mk_live_"]
    tokens += ["", "x", "mk_live_" + "x" * 51, good.token.replace("mk_live", "mk_test"), "\xff" * 59]
    answers = [with_key(token).get(DOOR) for token in tokens]
    assert [refusals(answer, 401) for answer in answers] == [[("authentication_failed", None)]] * len(tokens)
    assert len({answer.content for answer in answers}) == 1
    assert with_key(good.token).get(DOOR).status_code == 200


def test_input_26_the_right_key_with_the_wrong_scope_is_403(head: User, office: OrgUnit) -> None:
    client = with_key(a_key(head, office, "export").token)
    for method, path in (("get", "messages"), ("post", "messages"), ("post", "messages/1/publish"), ("post", "stop")):
        assert refusals(getattr(client, method)(f"/api/v1/{path}"), 403) == [("wrong_scope", None)]
    reader = with_key(a_key(head, office, "see").token)
    assert reader.get("/api/v1/messages").status_code == 200
    assert refusals(reader.post("/api/v1/messages", {}), 403) == [("wrong_scope", None)]
    assert reader.put("/api/v1/messages", {}).status_code == 405


def test_what_is_for_people_no_key_opens(head: User, office: OrgUnit) -> None:
    client = with_key(a_key(head, office, *EVERYTHING).token)
    doors = [("get", "inbox"), ("post", "devices"), ("post", "logout"), ("get", "keys"), ("post", "keys")]
    doors += [("get", "roles"), ("post", "roles"), ("delete", "roles/1"), ("post", "keys/1/revoke")]
    for method, path in doors:
        assert refusals(getattr(client, method)(f"/api/v1/{path}"), 403) == [("wrong_scope", None)], path
    assert with_key(a_key(head, office).token).get(DOOR).status_code == 200


def test_input_26_over_the_limit_it_is_429_for_this_key_alone(
    head: User, office: OrgUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "user", "2/min")
    client, other = (with_key(a_key(head, office).token) for _ in range(2))
    assert [client.get(DOOR).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get(DOOR)
    assert refusals(refused, 429) == [("throttled", None)]
    assert 0 < int(refused["Retry-After"]) <= 60
    assert other.get(DOOR).status_code == a_client(head).get(DOOR).status_code == 200


# --- what it holds ----------------------------------------------------------------------------------------------------
def holder(made: NewKey) -> User:
    return keys.acting(keys.find(made.token))


def test_it_holds_its_scopes_in_its_unit_and_nothing_else(head: User, office: OrgUnit, school: OrgUnit) -> None:
    section, other = a_department(office, "section"), a_department(school, "other")
    RoleAssignment.objects.create(user=head, unit=other, role="administrator")
    user = holder(a_key(head, office, "see", "write"))
    assert rights.units_with(user, Right.SEE) == rights.units_with(user, Right.WRITE) == {office.pk, section.pk}
    assert not any(rights.holds(user, right) for right in set(Right) - {Right.SEE, Right.WRITE})
    assert not rights.can(user, Right.SEE, other)
    assert rights.units_with(head, Right.SEE) == {office.pk, section.pk, other.pk}


def test_it_holds_what_its_owner_holds_now(head: User, office: OrgUnit) -> None:
    made = a_key(head, office, "see", "publish")
    role = RoleAssignment.objects.filter(user=head)
    role.update(role="author")
    assert rights.can(holder(made), Right.PUBLISH, office)
    role.update(role="auditor")
    assert not rights.can(holder(made), Right.PUBLISH, office)
    assert rights.can(holder(made), Right.SEE, office)
    role.delete()
    assert not rights.holds(holder(made), Right.SEE)


def test_a_superusers_key_is_held_back_like_any_other(office: OrgUnit, school: OrgUnit) -> None:
    root = a_superuser()
    user = holder(a_key(root, office, "see", "manage_channels"))
    assert not rights.can(user, Right.SEE, school)
    assert not rights.operates(user)
    assert not rights.can(user, Right.WRITE, office)
    assert not user.has_perm("accounts.change_user")
    assert rights.operates(holder(a_key(root, school, "see", "manage_channels")))
    assert rights.almighty(User.objects.get(pk=root.pk))


def test_it_reaches_whom_an_author_of_its_unit_reaches(school: OrgUnit, office: OrgUnit) -> None:
    other, room = a_department(school, "other"), a_class(school)
    for owner in (a_superuser(), a_user_with("administrator", school), a_user_with("administrator", office)):
        user = holder(a_key(owner, office, "see", "write"))
        assert rights.reachable_units(user) == {office.pk, room.pk}
        assert other.pk not in rights.units_of_reachable_people(user)
        blind = holder(a_key(owner, office, "see"))
        assert rights.reachable_units(blind) == set()


# --- what is noted ----------------------------------------------------------------------------------------------------
def test_the_last_use_is_noted_at_most_once_a_minute(head: User, office: OrgUnit) -> None:
    made = a_key(head, office)
    client = with_key(made.token)
    client.get(DOOR)
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    with CaptureQueriesContext(connection) as captured:
        client.get(DOOR)
    assert not [one for one in captured if one["sql"].startswith("UPDATE")]
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=F("last_used_at") - timedelta(seconds=61))
    client.get(DOOR)
    assert ApiKey.objects.get().last_used_at >= first


def test_a_refused_key_is_not_noted_as_used(head: User, office: OrgUnit) -> None:
    made = a_key(head, office)
    keys.revoke(made.row, by=head)
    with_key(made.token).get(DOOR)
    assert ApiKey.objects.get().last_used_at is None


# --- REST -------------------------------------------------------------------------------------------------------------
class TestApi:
    def test_make_list_use_and_revoke(self, head: User, office: OrgUnit) -> None:
        client = a_client(head)
        body = {"name": "教务系统", "kind": "live", "scopes": ["see", "write"], "unit": office.pk}
        made = client.post(URL, body)
        assert made.status_code == 201
        assert made["Cache-Control"] == "no-store"
        shown = made.json()
        assert with_key(shown["key"]).get(DOOR).status_code == 200
        (listed,) = client.get(URL).json()["results"]
        assert "key" not in listed
        assert listed["prefix"] == shown["key"][:16]
        assert listed["last_used_at"] is not None
        revoked = client.post(f"{URL}/{shown['id']}/revoke")
        assert revoked.json()["revoked_at"] is not None
        assert refusals(client.post(f"{URL}/{shown['id']}/revoke"), 409) == [("conflict", None)]
        refusals(with_key(shown["key"]).get(DOOR), 401)

    def test_a_colleague_without_the_right_and_a_stranger(self, head: User, office: OrgUnit) -> None:
        body = {"name": "x", "kind": "live", "scopes": ["see"], "unit": office.pk}
        colleague = a_client(a_user_with("author", office))
        stranger = a_client(a_user_with("administrator", a_department(office.parent)))
        assert refusals(colleague.post(URL, body), 403) == [("not_allowed", None)]
        assert refusals(stranger.post(URL, body), 404) == [("not_found", "unit")]
        row = a_key(head, office).row
        for client in (colleague, stranger):
            assert client.get(URL).json()["results"] == []
            assert refusals(client.post(f"{URL}/{row.pk}/revoke"), 404) == [("not_found", None)]
        row.refresh_from_db()
        assert row.revoked_at is None

    @pytest.mark.parametrize(
        ("change", "attr"),
        [
            ({"name": ""}, "name"),
            ({"kind": "other"}, "kind"),
            ({"scopes": []}, "scopes"),
            ({"scopes": ["x"]}, "scopes.0"),
            ({"unit": "x"}, "unit"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({"more": 1}, "more"),
        ],
    )
    def test_a_body_that_is_no_key_is_400(
        self, head: User, office: OrgUnit, change: dict[str, object], attr: str
    ) -> None:
        body = {"name": "x", "kind": "live", "scopes": ["see"], "unit": office.pk, **change}
        assert attr in [named for _code, named in refusals(a_client(head).post(URL, body), 400)]
        assert not ApiKey.objects.exists()
