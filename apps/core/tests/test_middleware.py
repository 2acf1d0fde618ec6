"""Pages speak Chinese until the reader chooses; the API follows Accept-Language."""

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import translation

from apps.core.middleware import LanguageMiddleware


@pytest.fixture(autouse=True)
def _language_of_before() -> object:
    with translation.override(translation.get_language()):
        yield


def answer(path: str, *, cookie: str = "", accept: str = "") -> HttpResponse:
    request = RequestFactory().get(path, HTTP_ACCEPT_LANGUAGE=accept)
    if cookie:
        request.COOKIES[settings.LANGUAGE_COOKIE_NAME] = cookie

    def view(request: HttpRequest) -> HttpResponse:
        assert translation.get_language() == request.LANGUAGE_CODE
        return HttpResponse(translation.get_language())

    return LanguageMiddleware(view)(request)


@pytest.mark.parametrize(
    ("path", "cookie", "accept", "language"),
    [
        ("/inbox/", "", "", "zh-hans"),
        ("/inbox/", "", "en", "zh-hans"),
        ("/inbox/", "en", "", "en"),
        ("/inbox/", "en", "zh-CN", "en"),
        ("/inbox/", "zh-hans", "en", "zh-hans"),
        ("/inbox/", "fr", "en", "zh-hans"),
        ("/inbox/", "../../etc", "en", "zh-hans"),
        ("/admin/", "", "en-US,en;q=0.9", "zh-hans"),
        ("/", "", "en", "zh-hans"),
        ("/api/v1/messages", "", "", "zh-hans"),
        ("/api/v1/messages", "", "en", "en"),
        ("/api/v1/messages", "", "en-GB;q=0.9, zh;q=0.1", "en"),
        ("/api/v1/messages", "", "zh-CN", "zh-hans"),
        ("/api/v1/messages", "", "fr", "zh-hans"),
        ("/api/v1/messages", "", "\x00;;;q=x", "zh-hans"),
    ],
)
def test_language(path: str, cookie: str, accept: str, language: str) -> None:
    response = answer(path, cookie=cookie, accept=accept)
    assert response.content.decode() == language
    assert response["Content-Language"] == language


def test_caches_are_told_what_a_page_s_language_depends_on() -> None:
    assert "Cookie" in answer("/inbox/")["Vary"]
    assert "Accept-Language" in answer("/api/v1/messages")["Vary"]
