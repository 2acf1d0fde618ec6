"""The header that tells a browser what our pages may do, as the environment makes it."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

HEADER = "Content-Security-Policy"
ASK = f"from django.test import Client; print(Client(SERVER_NAME='localhost').get('/login').headers[{HEADER!r}])"
SSO = {
    "MSGCENTER_OIDC_SERVER": "https://id.school.example/realms/school",
    "MSGCENTER_CAS_SERVER": "https://cas.school.example:8443/cas/",
    "MSGCENTER_SSO_ORIGINS": "https://login.school.example, https://wechat.example/",
}
PROVIDERS = [
    "https://id.school.example",
    "https://cas.school.example:8443",
    "https://login.school.example",
    "https://wechat.example",
]


def asked(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", ASK]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(("environment", "others"), [({}, []), (SSO, PROVIDERS)])
def test_forms_lead_to_us_and_to_the_school_s_own_login(environment: dict[str, str], others: list[str]) -> None:
    done = asked(**environment)
    assert done.returncode == 0, done.stderr
    directives = dict(one.strip().split(" ", 1) for one in done.stdout.strip().split(";"))
    assert directives["form-action"].split() == ["'self'", *others]
    assert directives["default-src"] == "'self'"


@pytest.mark.parametrize("origin", ["*", "login.school.example", "https://", "javascript:alert(1)", "https://a b"])
def test_an_origin_that_is_none_stops_the_start(origin: str) -> None:
    done = asked(MSGCENTER_SSO_ORIGINS=origin)
    assert done.returncode != 0
    assert "address" in done.stderr
