"""The addresses of the site."""

from django.contrib import admin
from django.urls import include, path

from apps.delivery import callbacks

urlpatterns = [
    path("", include("apps.core.urls")),
    path("", include("apps.accounts.login.urls")),
    path("inbox/", include("apps.inbox.urls")),
    path("console/", include("apps.console.urls")),
    path(
        "callbacks/<slug:provider>/<int:account_id>/<int:delivery_id>/<int:attempt>", callbacks.receive, name="callback"
    ),
    path("api/", include("msgcenter.api")),
    path("admin/", admin.site.urls),
]
