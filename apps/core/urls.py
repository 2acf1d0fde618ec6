"""The door: home, login, logout, language."""

from django.contrib.auth import views as auth
from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from apps.core import views

urlpatterns = [
    path("", views.home, name="home"),
    path("login", views.Login.as_view(), name="login"),
    path("logout", auth.LogoutView.as_view(), name="logout"),
    path("language", set_language, name="set_language"),
    # Our pages name their icon; the admin's do not, and browsers then ask for this.
    path("favicon.ico", RedirectView.as_view(url=static("core/icon.svg"))),
]
