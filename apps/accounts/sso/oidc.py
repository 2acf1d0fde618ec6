"""Logging in at an OpenID provider: allauth does it, we say who it is."""

from collections.abc import Callable
from typing import NoReturn

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.openid_connect import views
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apps.accounts.sso import people
from apps.core.errors import NotAllowed


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """By the number alone, at every login: neither name nor mail address proves anything here."""
        try:
            user = people.user_of(claimed(sociallogin))
        except NotAllowed as error:
            refuse(request, error.detail)
        if not sociallogin.is_existing:
            sociallogin.connect(request, user)
        elif sociallogin.user != user:
            refuse(request, _("This identity belongs to another login."))

    def on_authentication_error(self, request: HttpRequest, *args: object, **kwargs: object) -> NoReturn:
        refuse(request, _("The school's login did not let you in. Please try again."))


def claimed(sociallogin: SocialLogin) -> object:
    """The number; from the signed token, or from what the provider says of its user."""
    told = sociallogin.account.extra_data
    parts = [told.get("id_token") or {}, told.get("userinfo") or {}, told]
    return next((part[settings.OIDC_NUMBER_CLAIM] for part in parts if settings.OIDC_NUMBER_CLAIM in part), None)


def refuse(request: HttpRequest, words: str) -> NoReturn:
    messages.error(request, words)
    raise ImmediateHttpResponse(redirect("account_login"))


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _asked(views.login, request, provider_id)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _asked(views.callback, request, provider_id)


def _asked(view: Callable[..., HttpResponse], request: HttpRequest, provider_id: str) -> HttpResponse:
    """HEAD starts nothing, and a provider that is away is no crash."""
    if request.method == "HEAD":
        return HttpResponse()
    try:
        return view(request, provider_id)
    except requests.RequestException:
        messages.error(request, _("The school's login did not let you in. Please try again."))
        return redirect("account_login")
