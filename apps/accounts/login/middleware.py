"""What stands between the login and the pages."""

from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.login import known, second_factor

#: What somebody may do who still has to set up his second factor. The API asks by itself (`authentication.py`).
OPEN = ("/inbox/", "/account/", "/login", "/logout", "/language", "/favicon.ico", "/api/", "/callbacks/")


class KnownDeviceMiddleware:
    """Gives the browser in which somebody has just logged in its cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        login = getattr(request, "known_login", None)
        # A client of the API keeps no cookies.
        if login is not None and not request.path_info.startswith("/api/"):
            known.remember(request, response, *login)
        return response


class SecondFactorMiddleware:
    """Whoever may publish sets up a second factor before he gets to anything but his inbox."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _closed(request):
            return self.get_response(request)
        messages.info(request, _("Whoever may publish needs a second factor. Please set it up now."))
        return redirect(f"{reverse('mfa_activate_totp')}?{urlencode({'next': request.get_full_path()})}")


def _closed(request: HttpRequest) -> bool:
    if not settings.REQUIRE_TOTP or request.path_info == "/" or request.path_info.startswith(OPEN):
        return False
    if request.path_info.startswith(settings.STATIC_URL):
        return False
    return request.user.is_authenticated and second_factor.owed(request.user)
