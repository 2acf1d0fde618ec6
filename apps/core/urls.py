"""The door: home and language; the way in is in `apps/accounts/login`."""

from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from apps.core import views

urlpatterns = [
    path("", views.home, name="home"),
    path("language", set_language, name="set_language"),
    # Our pages name their icon; the admin's do not, and browsers then ask for this.
    path("favicon.ico", RedirectView.as_view(url=static("core/icon.svg"))),
]
