"""The OpenAPI description: complete, without warnings, and shown on a page that our CSP allows."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

METHODS = {"get", "post", "patch", "delete"}


@pytest.fixture
def schema(client: Client, db: None) -> dict[str, Any]:
    return client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()


def operations(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_the_schema_is_valid_and_free_of_warnings(db: None) -> None:
    call_command("spectacular", fail_on_warn=True, validate=True, stdout=StringIO())


def test_every_verb_is_described(schema: dict[str, Any]) -> None:
    assert set(operations(schema)) == {
        "post /api/v1/login",
        "post /api/v1/logout",
        "post /api/v1/devices",
        "delete /api/v1/devices/{token}",
        "get /api/v1/roles",
        "post /api/v1/roles",
        "delete /api/v1/roles/{role_id}",
        "get /api/v1/keys",
        "post /api/v1/keys",
        "post /api/v1/keys/{key_id}/revoke",
        "get /api/v1/messages",
        "post /api/v1/messages",
        "get /api/v1/messages/{message_id}",
        "patch /api/v1/messages/{message_id}",
        "delete /api/v1/messages/{message_id}",
        "post /api/v1/messages/{message_id}/publish",
        "post /api/v1/messages/{message_id}/recall",
        "post /api/v1/messages/{message_id}/pause",
        "post /api/v1/messages/{message_id}/resume",
        "get /api/v1/messages/{message_id}/progress",
        "get /api/v1/messages/{message_id}/deliveries",
        "post /api/v1/messages/{message_id}/deliveries/{delivery_id}/resend",
        "get /api/v1/messages/{message_id}/audience",
        "post /api/v1/audience/preview",
        "get /api/v1/segments",
        "post /api/v1/segments",
        "get /api/v1/segments/{segment_id}",
        "patch /api/v1/segments/{segment_id}",
        "delete /api/v1/segments/{segment_id}",
        "get /api/v1/channels",
        "post /api/v1/channels/{key}/pause",
        "post /api/v1/channels/{key}/resume",
        "post /api/v1/stop",
        "post /api/v1/stop/resume",
        "get /api/v1/message-types",
        "get /api/v1/units",
        "get /api/v1/templates",
        "get /api/v1/roster-imports",
        "post /api/v1/roster-imports",
        "get /api/v1/roster-imports/{roster_id}",
        "patch /api/v1/roster-imports/{roster_id}",
        "get /api/v1/roster-imports/{roster_id}/changes",
        "post /api/v1/roster-imports/{roster_id}/apply",
        "post /api/v1/roster-imports/{roster_id}/discard",
        "get /api/v1/inbox",
        "get /api/v1/inbox/unread-count",
        "get /api/v1/inbox/{entry_id}",
    }


def test_every_verb_names_its_refusals_in_the_one_shape(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema).items():
        answers = operation["responses"]
        wanted = {"400", "401", "405", "429", "500"} | ({"404"} if "{" in name else set())
        assert wanted <= answers.keys(), name
        for status in answers.keys() - {"200", "201", "204"}:
            content = answers[status]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Refusal"}, (name, status)


def test_the_page_of_the_schema_loads_only_our_own_scripts_none_of_them_inline(client: Client, db: None) -> None:
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    scripts = page.content.decode().split("<script")[1:]
    assert len(scripts) == 3
    assert all(script.startswith(' src="/') and script.split("</script>")[0].endswith(">") for script in scripts)
    policy = dict(part.strip().split(" ", 1) for part in page["Content-Security-Policy"].split(";"))
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy
    script = client.get("/api/v1/docs?script=")
    assert script["Content-Type"].startswith("application/javascript")


def test_no_other_page_may_have_inline_styles(client: Client, db: None) -> None:
    assert "unsafe-inline" not in client.get("/api/v1/channels")["Content-Security-Policy"]


def test_keys_are_described_as_a_way_in(schema: dict[str, Any]) -> None:
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert {"key": []} in operations(schema)["get /api/v1/messages"]["security"]
