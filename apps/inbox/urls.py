"""The recipient's pages."""

from django.urls import path

from apps.inbox import views

app_name = "inbox"
urlpatterns = [
    path("", views.List.as_view(), name="list"),
    path("<int:entry_id>", views.Entry.as_view(), name="entry"),
]
