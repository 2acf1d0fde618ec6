"""DELETE /messages/{id}: drafts only."""

from apps.accounts.tests.factories import a_client, an_approver
from apps.audit.models import Entry
from apps.core.tests.api import refusals
from apps.messaging.models import Message
from apps.messaging.tests.bodies import URL
from apps.messaging.tests.factories import House, a_message, a_published_message


def test_a_colleague_may_a_stranger_a_reader_and_an_approver_may_not_delete_a_draft(house: House) -> None:
    message = a_message(house.author, house.department, to=house.room)
    url = f"{URL}/{message.pk}"
    for who in (house.stranger, house.reader):
        assert refusals(a_client(who).delete(url), 404) == [("not_found", None)]
    assert refusals(a_client(an_approver(house.department)).delete(url), 403) == [("not_allowed", None)]
    assert Message.objects.filter(pk=message.pk).exists()
    assert a_client(house.colleague).delete(url).status_code == 204
    assert not Message.objects.exists()
    assert Entry.objects.filter(verb="delete", object_id=str(message.pk), actor_id=house.colleague.pk).count() == 1
    assert refusals(a_client(house.colleague).delete(url), 404) == [("not_found", None)]


def test_input_21_deleting_after_publish_is_409(house: House, jobs_outbox: list) -> None:
    message = a_published_message(house.author, house.department, to=house.room)
    assert refusals(a_client(house.author).delete(f"{URL}/{message.pk}"), 409) == [("conflict", None)]
    assert Message.objects.filter(pk=message.pk).exists()
