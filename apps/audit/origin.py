"""From where the act under way comes: by which door, from which network address."""

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.throttling import BaseThrottle


class Door(models.TextChoices):
    PAGE = "page", _("page")
    API = "api", _("API")
    ADMIN = "admin", _("admin")
    #: A worker, a clock, a command on the server.
    SYSTEM = "system", _("system")


@dataclass(frozen=True, slots=True)
class Origin:
    door: Door
    address: str | None = None


SYSTEM = Origin(Door.SYSTEM)
_current: ContextVar[Origin] = ContextVar("origin", default=SYSTEM)


def current() -> Origin:
    return _current.get()


class OriginMiddleware:
    """Remembers where the request comes from while it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _current.set(Origin(_door(request.path_info), client_address(request)))
        try:
            return self.get_response(request)
        finally:
            _current.reset(token)


def client_address(request: HttpRequest) -> str | None:
    """The address of whoever asks, as far as our own proxies (`MSGCENTER_PROXIES`) tell it; without a zone.

    In the one form in which the database gives it back, because it is signed.
    """
    try:
        found = ipaddress.ip_address((BaseThrottle().get_ident(request) or "").partition("%")[0])
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


def _door(path: str) -> Door:
    for prefix, door in (("/api/", Door.API), ("/admin/", Door.ADMIN)):
        if path.startswith(prefix):
            return door
    return Door.PAGE
