"""The addresses of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("apps.core.urls")),
    path("inbox/", include("apps.inbox.urls")),
    path("console/", include("apps.console.urls")),
    path("api/", include("msgcenter.api")),
    path("admin/", admin.site.urls),
]
