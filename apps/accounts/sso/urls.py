"""Where the school's own login leads back to."""

from importlib import import_module

from django.conf import settings
from django.urls import path
from django.views.generic import RedirectView

from apps.accounts.sso import oidc

to_login = RedirectView.as_view(pattern_name="account_login")

urlpatterns = [
    path("oidc/<str:provider_id>/login/", oidc.login, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", oidc.callback, name="openid_connect_callback"),
    # Names that allauth asks for; nobody signs up or connects identities by himself.
    path("cancelled", to_login, name="socialaccount_login_cancelled"),
    path("error", to_login, name="socialaccount_login_error"),
    path("signup", to_login, name="socialaccount_signup"),
    path("connections", RedirectView.as_view(pattern_name="account"), name="socialaccount_connections"),
]
if settings.CAS_SERVER_URL:
    # Its packages are there only if they are wanted.
    cas = import_module("apps.accounts.sso.cas")
    urlpatterns.append(path("cas", cas.Cas.as_view(), name="cas"))
