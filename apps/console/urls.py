"""The department's pages."""

from django.urls import path

from apps.console import views

app_name = "console"
urlpatterns = [
    path("", views.List.as_view(), name="list"),
    path("new", views.Create.as_view(), name="create"),
    path("sandbox", views.Sandbox.as_view(), name="sandbox"),
    path("<int:message_id>", views.Detail.as_view(), name="message"),
    path("<int:message_id>/change", views.Change.as_view(), name="change"),
    path("<int:message_id>/delete", views.Delete.as_view(), name="delete"),
    path("<int:message_id>/publish", views.Publish.as_view(), name="publish"),
    path("<int:message_id>/recall", views.Recall.as_view(), name="recall"),
]
