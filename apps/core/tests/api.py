"""What tests of the API say of its answers."""

from typing import Any

from rest_framework.response import Response

TYPES = {400: {"validation_error", "client_error"}, 500: {"server_error"}}


def refusals(response: Response, status: int) -> list[tuple[str, str | None]]:
    """(code, attr) of every error of an answer, which must have this status and the shape all refusals have."""
    assert response.status_code == status, response.content[:1000]
    body: dict[str, Any] = response.json()
    assert body.keys() == {"type", "errors"}
    assert body["type"] in TYPES.get(status, {"client_error"})
    assert all(error.keys() == {"code", "detail", "attr"} and error["detail"] for error in body["errors"])
    return [(error["code"], error["attr"]) for error in body["errors"]]
