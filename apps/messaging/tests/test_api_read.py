"""GET /messages/{id}."""

import pytest

from apps.accounts.tests.factories import a_client
from apps.core.tests.api import refusals
from apps.messaging.tests.bodies import URL, assert_nothing_stored
from apps.messaging.tests.factories import House, a_message


def test_a_colleague_reads_a_message_it_is_404_for_a_stranger_and_its_reader(house: House) -> None:
    url = f"{URL}/{a_message(house.author, house.department, to=house.room).pk}"
    shown = [a_client(who).get(url).json() for who in (house.author, house.colleague)]
    assert shown[0] == shown[1]
    assert shown[0]["author"] == {"username": house.author.username, "name": house.author.username}
    for who in (house.stranger, house.reader):
        assert refusals(a_client(who).get(url), 404) == [("not_found", None)]


@pytest.mark.parametrize("message_id", ["0", "1", "9" * 18, "9" * 40, "x", "-1", "1.5", "１"])
def test_input_14_what_is_not_there_is_404(house: House, message_id: str) -> None:
    for path in ("", "/progress", "/deliveries"):
        assert refusals(a_client(house.author).get(f"{URL}/{message_id}{path}"), 404) == [("not_found", None)]


@pytest.mark.parametrize("path", ["/", "x", "messages/", "messages/1/", "messages/1/resend", "../v2", "login/"])
def test_an_unknown_address_is_404_in_the_same_shape(house: House, path: str) -> None:
    for method in ("get", "post", "delete", "options"):
        response = getattr(a_client(house.author), method)(f"/api/v1/{path}")
        assert refusals(response, 404) == [("not_found", None)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", "/1"),
        ("post", "/1"),
        ("delete", ""),
        ("patch", ""),
        ("get", "/1/publish"),
        ("get", "/1/recall"),
        ("post", "/1/progress"),
        ("post", "/1/deliveries"),
        ("options", ""),
    ],
)
def test_input_25_another_method_is_405(house: House, method: str, path: str) -> None:
    response = getattr(a_client(house.author), method)(f"{URL}{path}")
    assert refusals(response, 405) == [("method_not_allowed", None)]
    assert response["Allow"]
    assert_nothing_stored()


def test_nothing_but_json_is_answered(house: House) -> None:
    response = a_client(house.author).get(URL, headers={"Accept": "application/xml"})
    assert refusals(response, 406) == [("not_acceptable", None)]


def test_a_parameter_is_400_where_none_is_known(house: House) -> None:
    message = a_message(house.author, house.department, to=house.room)
    response = a_client(house.author).get(f"{URL}/{message.pk}", {"fields": "title"})
    assert refusals(response, 400) == [("unknown_parameter", "fields")]
