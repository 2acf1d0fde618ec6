"""Logging in at a CAS server (django-cas-ng asks it about the ticket). The second factor comes after it as always."""

import secrets

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.contrib import auth, messages
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_cas_ng import backends
from django_cas_ng.utils import get_cas_client

from apps.accounts.login.backend import Gate
from apps.accounts.login.joining import public_address
from apps.accounts.login.views import Limited
from apps.accounts.sso import people
from apps.core.errors import NotAllowed

STATE, NEXT = "cas_state", "cas_next"


class CASBackend(Gate, backends.CASBackend):
    """The name that CAS gives is a number."""

    def clean_username(self, username: str) -> str:
        return people.user_of(username).get_username()


class Cas(Limited):
    def post(self, request: HttpRequest) -> HttpResponse:
        """Go there. The way back carries a word of our own, so that nobody can be logged in as somebody else."""
        request.session[STATE] = secrets.token_urlsafe(16)
        wanted = request.POST.get("next", "")
        request.session[NEXT] = wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else ""
        return redirect(get_cas_client(service_url=self.service(request), request=request).get_login_url())

    def get(self, request: HttpRequest) -> HttpResponse:
        """Come back with a ticket."""
        ticket, state = request.GET.get("ticket", ""), request.session.get(STATE, "")
        if not ticket or not state or not constant_time_compare(request.GET.get("state", ""), state):
            return redirect("account_login")
        service = self.service(request)
        wanted = request.session.pop(NEXT, "")
        del request.session[STATE]
        user = self.who(request, ticket, service)
        if user is None:
            return redirect("account_login")
        record_authentication(request, user, "cas")
        return perform_login(request, user, redirect_url=wanted or None)

    def who(self, request: HttpRequest, ticket: str, service: str) -> AbstractBaseUser | None:
        try:
            user = auth.authenticate(request, ticket=ticket, service=service)
        except NotAllowed as error:
            messages.error(request, error.detail)
            return None
        except OSError:
            user = None
        if user is None:
            messages.error(request, _("The school's login did not let you in. Please try again."))
        return user

    def service(self, request: HttpRequest) -> str:
        return public_address(request, f"{reverse('cas')}?state={request.session[STATE]}")
