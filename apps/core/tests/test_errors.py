"""Every error of ours has a stable code, a status, and words for a person."""

import pytest
from django.utils import translation

from apps.core.errors import Conflict, InvalidInput, MsgcenterError, NotAllowed, NotFound


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        (InvalidInput, "invalid", 400),
        (NotAllowed, "not_allowed", 403),
        (NotFound, "not_found", 404),
        (Conflict, "conflict", 409),
    ],
)
def test_kind_has_its_code_and_status(kind: type[MsgcenterError], code: str, status: int) -> None:
    error = kind("words")
    assert (error.code, error.status, error.detail, str(error), error.field) == (code, status, "words", "words", None)


def test_code_and_field_of_one_error_do_not_stick_to_its_kind() -> None:
    error = InvalidInput("nobody", code="no_recipients", field="audience")
    assert (error.code, error.field) == ("no_recipients", "audience")
    assert (InvalidInput.code, InvalidInput("x").code) == ("invalid", "invalid")


@pytest.mark.parametrize("kind", [NotAllowed, NotFound])
def test_default_words_are_in_the_language_of_whoever_reads_them(kind: type[MsgcenterError]) -> None:
    error = kind()
    with translation.override("en"):
        english = str(error.detail)
    with translation.override("zh-hans"):
        assert str(error.detail) != english
