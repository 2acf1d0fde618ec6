"""Segments in the admin: by the services, for those who write for the unit."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.tests.factories import a_user_with
from apps.audit.models import Entry
from apps.directory.models import OrgUnit, Segment
from apps.directory.tests.factories import a_person
from apps.messaging import segments
from apps.messaging.drafts import Rule
from apps.messaging.models import Message
from apps.messaging.tests.acts import put
from apps.messaging.tests.factories import House, a_message

LIST, ADD = "admin:directory_segment_changelist", "admin:directory_segment_add"


def staff(unit: OrgUnit, role: str = "author") -> Client:
    return client_of(a_user_with(role, unit))


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


def posted(house: House, *rules: dict[str, Any], stored: int = 0, **fields: Any) -> dict[str, Any]:
    plain = {"effect": "include", "reach": "self", "unit": "", "number": "", "kind": "", "state": "", "cohort": ""}
    form = {"name": "2024级", "unit": house.department.pk, **fields}
    form |= {"rules-TOTAL_FORMS": len(rules), "rules-INITIAL_FORMS": stored}
    for place, rule in enumerate(rules):
        form |= {f"rules-{place}-{name}": value for name, value in (plain | rule).items()}
    return form


@pytest.fixture
def segment(house: House) -> Segment:
    plan = segments.Draft(name="class", unit=house.department, rules=(Rule(unit=house.room),))
    return segments.create(plan, by=house.author)


def page_of(segment: Segment) -> str:
    return reverse("admin:directory_segment_change", args=[segment.pk])


def test_a_segment_is_written_and_logged_once(house: House) -> None:
    rules = (
        {"unit": house.room.pk, "cohort": "2024", "minors": "on", "reach": "both", "state": "active"},
        {"effect": "exclude", "number": house.reader.person.number},
    )
    client = staff(house.department)
    assert client.get(reverse(ADD)).status_code == 200
    assert client.post(reverse(ADD), posted(house, *rules)).status_code == 302
    assert segments.of(Segment.objects.get()).rules == (
        Rule(unit=house.room, cohort=2024, minors=True, reach="both", state="active"),
        Rule(effect="exclude", person=house.reader.person),
    )
    assert Entry.objects.filter(object_type="directory.segment").count() == 1


def test_a_segment_is_changed(house: House, segment: Segment) -> None:
    kept = {"id": segment.rules.get().pk, "unit": house.room.pk, "kind": "student"}
    client = staff(house.department)
    assert client.get(page_of(segment)).status_code == 200
    form = posted(house, kept, {"number": house.reader.person.number}, stored=1, name="other")
    assert client.post(page_of(segment), form).status_code == 302
    assert segments.of(Segment.objects.get()).rules == (
        Rule(unit=house.room, kind="student"),
        Rule(person=house.reader.person),
    )
    assert Entry.objects.get(verb="change").details["changes"]["name"] == ["class", "other"]


@pytest.mark.parametrize(
    "rules",
    [
        (),
        ({"effect": "exclude", "unit": "room"},),
        ({"unit": "other"},),
        ({"number": "nobody"},),
        ({"unit": "room", "state": "left"},),
        ({"unit": "room", "number": "somebody"},),
    ],
)
def test_what_is_refused_is_an_error_of_the_form(house: House, rules: tuple[dict[str, Any], ...]) -> None:
    values = {"room": house.room.pk, "other": house.other.pk, "somebody": house.reader.person.number}
    rows = [{name: values.get(value, value) for name, value in rule.items()} for rule in rules]
    answer = staff(house.department).post(reverse(ADD), posted(house, *rows))
    assert answer.status_code == 200
    assert answer.context["errors"]
    assert not Segment.objects.exists()


def test_a_foreign_number_is_answered_as_one_that_nobody_has(house: House) -> None:
    foreign = a_person(house.other, kind="staff")

    def said(number: str) -> list[object]:
        rule = {"unit": house.room.pk}, {"number": number}
        answer = staff(house.department).post(reverse(ADD), posted(house, *rule))
        formset = answer.context["inline_admin_formsets"][0].formset
        return [formset.errors, formset.non_form_errors()]

    assert said(foreign.number) == said("nobody") != [[{}, {}], []]


def test_one_that_is_held_by_a_message_is_an_error_of_the_form(house: House, segment: Segment) -> None:
    put(a_message(house.author, house.department, rules=(Rule(segment=segment),)), "scheduled")
    kept = {"id": segment.rules.get().pk, "unit": house.room.pk}
    answer = staff(house.department).post(page_of(segment), posted(house, kept, stored=1, name="other"))
    assert "Water off" in answer.content.decode()
    assert Segment.objects.get().name == "class"


def test_a_colleague_changes_it_an_auditor_looks_and_for_a_stranger_it_is_not_there(
    house: House, segment: Segment
) -> None:
    form = posted(house, {"id": segment.rules.get().pk, "unit": house.room.pk}, stored=1, name="other")
    auditor, stranger = staff(house.department, "auditor"), staff(house.other)
    assert auditor.get(page_of(segment)).status_code == 200
    assert auditor.post(page_of(segment), form).status_code == 403
    assert stranger.get(page_of(segment)).status_code == 302
    assert stranger.post(page_of(segment), form).status_code == 302
    assert stranger.get(reverse(LIST)).context["cl"].result_count == 0
    assert Segment.objects.get().name == "class"
    assert staff(house.department).post(page_of(segment), form).status_code == 302
    assert Segment.objects.get().name == "other"


def removed(client: Client, segment: Segment) -> list[str]:
    client.cookies.pop("messages", None)
    answer = client.post(reverse(LIST), {"action": "remove", "_selected_action": [segment.pk]})
    return [said.level_tag for said in get_messages(answer.wsgi_request)]


def test_a_segment_is_deleted_by_action_when_nobody_needs_it(house: House, segment: Segment) -> None:
    a_message(house.author, house.department, rules=(Rule(segment=segment),))
    client = staff(house.department)
    assert removed(client, segment) == ["error"]
    put(Message.objects.get(), "finished")
    assert removed(staff(house.department, "auditor"), segment) == []
    assert Segment.objects.exists()
    assert removed(client, segment) == ["success"]
    assert not Segment.objects.exists()


def test_there_is_no_other_way_to_delete_one(house: House, segment: Segment, admin_client: Client) -> None:
    page = reverse("admin:directory_segment_delete", args=[segment.pk])
    assert admin_client.post(page, {"post": "yes"}).status_code == 403
    assert Segment.objects.exists()
