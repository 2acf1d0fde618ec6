"""What a recipient finds, and that opening a message is what marks it as read."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.tests import factories as accounts
from apps.delivery import services as delivery
from apps.delivery.models import Recipient
from apps.directory.models import OrgUnit, Person
from apps.directory.tests import factories as directory
from apps.inbox import selectors
from apps.inbox.views import PAGE_SIZE
from apps.messaging import services as messaging
from apps.messaging.models import Message
from apps.messaging.tests import factories as messages

pytestmark = pytest.mark.django_db


@pytest.fixture
def school() -> OrgUnit:
    return directory.a_school("示例学校")


@pytest.fixture
def author(school: OrgUnit) -> User:
    return accounts.an_author(school)


@pytest.fixture
def reader(school: OrgUnit) -> Person:
    return directory.a_person(school, name="李雷")


@pytest.fixture
def phone(client: Client, reader: Person) -> Client:
    client.force_login(accounts.a_user("reader", person=reader))
    return client


def sent(author: User, school: OrgUnit, **fields: object) -> Message:
    message = messages.a_published_message(author, school, **fields)
    delivery.freeze(message, after=0, up_to=Person.objects.latest("pk").pk)
    return message


def entry_of(person: Person, message: Message) -> Recipient:
    return Recipient.objects.get(person=person, message=message)


def test_an_empty_inbox_says_so(phone: Client) -> None:
    assert "还没有消息" in phone.get("/inbox/").content.decode()


def test_the_newest_stands_first_with_type_and_sender(
    phone: Client, reader: Person, author: User, school: OrgUnit
) -> None:
    sent(author, school, title="第一条")
    sent(author, school, title="第二条", urgency="urgent")
    page = phone.get("/inbox/").content.decode()
    assert page.index("第二条") < page.index("第一条")
    assert all(words in page for words in ("通知", "示例学校", "紧急"))


def test_opening_a_message_reads_it_once(phone: Client, reader: Person, author: User, school: OrgUnit) -> None:
    entry = entry_of(reader, sent(author, school))
    assert "data-unread>1<" in phone.get("/inbox/").content.decode()
    page = phone.get(f"/inbox/{entry.pk}").content.decode()
    assert "data-unread" not in page
    entry.refresh_from_db()
    first = entry.read_at
    assert first is not None
    phone.get(f"/inbox/{entry.pk}")
    entry.refresh_from_db()
    assert entry.read_at == first
    assert "全部消息均已读" in phone.get("/inbox/?show=unread").content.decode()


def test_looking_at_the_list_reads_nothing(phone: Client, reader: Person, author: User, school: OrgUnit) -> None:
    entry = entry_of(reader, sent(author, school))
    phone.get("/inbox/")
    entry.refresh_from_db()
    assert entry.read_at is None


def test_personal_values_are_filled_in_and_never_expanded_again(
    phone: Client, reader: Person, author: User, school: OrgUnit
) -> None:
    entry = entry_of(reader, sent(author, school, title="((name))", content="((number))"))
    Recipient.objects.filter(pk=entry.pk).update(values={"name": "((number))<i>"})
    page = phone.get(f"/inbox/{entry.pk}").content.decode()
    assert "((number))&lt;i&gt;" in page
    assert reader.number in page


def test_a_missing_value_leaves_the_placeholder(author: User, school: OrgUnit, reader: Person) -> None:
    entry = entry_of(reader, sent(author, school))
    entry.message.content = "考场：((room))，((name))"
    assert selectors.rendered(entry).body == "考场：((room))，李雷"


def test_a_recalled_message_is_gone(phone: Client, reader: Person, author: User, school: OrgUnit) -> None:
    message = sent(author, school)
    messaging.recall(message, by=author)
    answer = phone.get(f"/inbox/{entry_of(reader, message).pk}")
    assert answer.status_code == 404
    assert "撤回" in answer.content.decode()
    assert message.title not in phone.get("/inbox/").content.decode()


def test_an_expired_message_is_marked_and_stays_readable(
    phone: Client, reader: Person, author: User, school: OrgUnit
) -> None:
    message = sent(author, school)
    Message.objects.filter(pk=message.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert "已到期" in phone.get("/inbox/").content.decode()
    assert "到期失效" in phone.get(f"/inbox/{entry_of(reader, message).pk}").content.decode()


def test_another_persons_entry_is_not_there(phone: Client, author: User, school: OrgUnit) -> None:
    other = directory.a_person(school)
    entry = entry_of(other, sent(author, school))
    assert phone.get(f"/inbox/{entry.pk}").status_code == 404
    entry.refresh_from_db()
    assert entry.read_at is None


def test_pages_go_on_where_the_last_one_ended(phone: Client, author: User, school: OrgUnit, reader: Person) -> None:
    for number in range(PAGE_SIZE + 1):
        sent(author, school, title=f"消息{number:03}")
    first = phone.get("/inbox/")
    assert "消息001" in first.content.decode()
    assert "消息000" not in first.content.decode()
    second = phone.get("/inbox/", {"before": first.context["older"]}).content.decode()
    assert "消息000" in second
    assert "消息001" not in second


@pytest.mark.parametrize("cursor", ["-1", "x", "9" * 40, "²"])
def test_a_cursor_that_makes_no_sense_shows_the_newest(phone: Client, cursor: str) -> None:
    assert phone.get("/inbox/", {"before": cursor}).status_code == 200


def test_the_list_costs_the_same_for_any_length(
    phone: Client, reader: Person, author: User, school: OrgUnit, django_assert_max_num_queries: object
) -> None:
    for _number in range(5):
        sent(author, school)
    with django_assert_max_num_queries(8):
        phone.get("/inbox/")


def test_a_login_without_a_person_is_told_why_it_has_no_inbox(client: Client) -> None:
    client.force_login(accounts.a_user())
    assert "没有收件箱" in client.get("/inbox/").content.decode()
    assert client.get("/inbox/1").status_code == 404
