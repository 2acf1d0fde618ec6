"""How an address comes on the suppression list, and how it comes off again."""

from typing import Any

import pytest

from apps.accounts.tests.factories import an_administrator
from apps.audit.models import Entry
from apps.core.errors import NotAllowed
from apps.delivery import suppressions
from apps.delivery.models import Suppression
from apps.directory import services as directory
from apps.directory.models import ContactPoint
from apps.directory.tests.factories import a_person
from apps.messaging.tests.factories import House

pytestmark = pytest.mark.django_db
DEAD, ALIVE = "dead@example.com", "alive@example.com"


def listed() -> list[tuple[str, str, str]]:
    return list(Suppression.objects.order_by("pk").values_list("kind", "value", "reason"))


def test_only_what_speaks_of_the_address_puts_it_on_the_list() -> None:
    refused = {DEAD: "no_such_address", ALIVE: "content_rejected", "full@example.com": "mailbox_full"}
    assert suppressions.add(kind="email", refused=refused) == 1
    assert suppressions.add(kind="mobile", refused={"+12025550101": "no_such_number", "+12025550102": "opted_out"}) == 2
    assert listed() == [
        ("email", DEAD, "dead_address"),
        ("mobile", "+12025550101", "dead_address"),
        ("mobile", "+12025550102", "opted_out"),
    ]


@pytest.mark.parametrize("refused", [{}, {ALIVE: "rejected"}, {"": "no_such_address"}])
def test_nothing_to_list_costs_nothing(refused: dict[str, str], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert suppressions.add(kind="email", refused=refused) == 0


def test_a_window_of_them_is_one_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        suppressions.add(kind="email", refused={f"{number}@example.com": "no_such_address" for number in range(50)})
    assert Suppression.objects.count() == 50


def test_listed_twice_is_listed_once_and_stays_as_it_was() -> None:
    suppressions.add(kind="email", refused={DEAD: "no_such_address"})
    before = Suppression.objects.values().get()
    suppressions.add(kind="email", refused={DEAD: "no_such_address", ALIVE: "no_such_address"})
    assert Suppression.objects.filter(value=DEAD).values().get() == before
    assert Suppression.objects.count() == 2


def test_an_address_may_be_on_the_list_for_two_reasons() -> None:
    for code in ("no_such_number", "opted_out"):
        suppressions.add(kind="mobile", refused={"+12025550101": code})
    assert len(listed()) == 2


class TestContacts:
    @pytest.fixture(autouse=True)
    def _listed(self) -> None:
        for value in (DEAD, "other@example.com"):
            Suppression.objects.create(kind="email", value=value, reason="dead_address")
        Suppression.objects.create(kind="email", value=DEAD, reason="opted_out")

    @pytest.fixture
    def contact(self, house: House) -> ContactPoint:
        return ContactPoint.objects.create(person=a_person(house.room), kind="email", value=ALIVE)

    def is_dead(self) -> bool:
        return Suppression.objects.filter(value=DEAD, reason="dead_address").exists()

    def test_a_new_contact_is_tried_again(self, house: House) -> None:
        ContactPoint.objects.create(person=a_person(house.room), kind="email", value=DEAD)
        assert not self.is_dead()

    def test_a_changed_contact_is_tried_again(self, contact: ContactPoint) -> None:
        assert self.is_dead()
        contact.value = DEAD
        contact.save()
        assert not self.is_dead()

    def test_who_opted_out_and_whoever_else_is_dead_stay_on_the_list(self, contact: ContactPoint) -> None:
        contact.value = DEAD
        contact.save()
        assert listed() == [("email", "other@example.com", "dead_address"), ("email", DEAD, "opted_out")]

    def test_a_contact_saved_as_it_was_is_no_news(self, contact: ContactPoint) -> None:
        contact.value = DEAD
        contact.save()
        suppressions.add(kind="email", refused={DEAD: "no_such_address"})
        contact.save()
        ContactPoint.objects.get(pk=contact.pk).save()
        assert self.is_dead()

    def test_the_same_text_as_another_kind_of_address_is_another_address(self, house: House) -> None:
        directory.register_device(a_person(house.room), DEAD)
        assert self.is_dead()


def test_allowed_again_by_a_person_is_audited_without_the_address(house: House) -> None:
    suppressions.add(kind="email", refused={DEAD: "no_such_address"})
    with pytest.raises(NotAllowed):
        suppressions.allow_again(Suppression.objects.get(), by=an_administrator(house.department))
    head = an_administrator(house.school)
    suppressions.allow_again(Suppression.objects.get(), by=head)
    assert listed() == []
    entry = Entry.objects.get(verb="allow")
    assert entry.actor_name == head.get_username()
    assert DEAD not in f"{entry.object_name}{entry.details}"
