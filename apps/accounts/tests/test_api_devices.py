"""The campus app registers its devices."""

import pytest

from apps.accounts.tests.factories import a_client, a_user
from apps.audit.models import Entry
from apps.core.tests.api import refusals
from apps.directory.models import ContactPoint
from apps.directory.tests.factories import a_person

URL = "/api/v1/devices"
TOKEN = "dGVzdA:APA91b_-" + "x" * 150
pytestmark = pytest.mark.django_db


def tokens_of(user: object) -> list[str]:
    return list(ContactPoint.objects.filter(person=user.person, kind="device").values_list("value", flat=True))


def test_a_device_is_registered_once_however_often_the_app_says_so() -> None:
    user = a_user(person=a_person())
    for _ in range(2):
        response = a_client(user).post(URL, {"token": TOKEN})
        assert (response.status_code, response.json()) == (201, {"token": TOKEN})
    assert tokens_of(user) == [TOKEN]
    entry = Entry.objects.filter(verb="register_device", actor_id=user.pk).first()
    assert TOKEN not in f"{entry.object_name}{entry.details}"


def test_a_device_belongs_to_whoever_registered_it_last() -> None:
    first, second = a_user(person=a_person()), a_user(person=a_person())
    for user in (first, second):
        a_client(user).post(URL, {"token": TOKEN})
    assert (tokens_of(first), tokens_of(second)) == ([], [TOKEN])


@pytest.mark.parametrize(
    "token", ["", " ", "x" * 513, "two words", "line\nbreak", "标记", "\x00", "\x07", None, 5, ["x"]]
)
def test_input_34_a_token_that_is_none_is_400(token: object) -> None:
    user = a_user(person=a_person())
    response = a_client(user).post(URL, {"token": token})
    assert [attr for _code, attr in refusals(response, 400)] == ["token"]
    assert not ContactPoint.objects.exists()


def test_a_login_of_nobody_in_the_directory_has_no_devices() -> None:
    client = a_client(a_user())
    assert refusals(client.post(URL, {"token": TOKEN}), 403) == [("no_person", None)]
    assert refusals(client.delete(f"{URL}/{TOKEN}"), 403) == [("no_person", None)]
    assert not ContactPoint.objects.exists()


def test_a_device_is_removed_by_its_owner_and_by_nobody_else() -> None:
    owner, other = a_user(person=a_person()), a_user(person=a_person())
    a_client(owner).post(URL, {"token": TOKEN})
    assert refusals(a_client(other).delete(f"{URL}/{TOKEN}"), 404) == [("not_found", None)]
    assert tokens_of(owner) == [TOKEN]
    assert a_client(owner).delete(f"{URL}/{TOKEN}").status_code == 204
    assert tokens_of(owner) == []
    assert refusals(a_client(owner).delete(f"{URL}/{TOKEN}"), 404) == [("not_found", None)]
    assert Entry.objects.filter(verb="remove_device").count() == 1
