"""The door: home, login, logout, language."""

from django.contrib.auth import views as auth
from django.urls import path
from django.views.i18n import set_language

from apps.core import views

urlpatterns = [
    path("", views.home, name="home"),
    path("login", views.Login.as_view(), name="login"),
    path("logout", auth.LogoutView.as_view(), name="logout"),
    path("language", set_language, name="set_language"),
]
