"""The department's pages."""

from django.urls import path

from apps.console import brakes, views

app_name = "console"
urlpatterns = [
    path("", views.List.as_view(), name="list"),
    path("new", views.Create.as_view(), name="create"),
    path("sandbox", views.Sandbox.as_view(), name="sandbox"),
    path("sending", brakes.Sending.as_view(), name="sending"),
    path("sending/stop", brakes.StopAll.as_view(), name="stop_all"),
    path("sending/resume", brakes.ResumeAll.as_view(), name="resume_all"),
    path("sending/<str:key>/pause", brakes.PauseChannel.as_view(), name="pause_channel"),
    path("sending/<str:key>/resume", brakes.ResumeChannel.as_view(), name="resume_channel"),
    path("<int:message_id>", views.Detail.as_view(), name="message"),
    path("<int:message_id>/change", views.Change.as_view(), name="change"),
    path("<int:message_id>/delete", views.Delete.as_view(), name="delete"),
    path("<int:message_id>/pause", brakes.Pause.as_view(), name="pause"),
    path("<int:message_id>/resume", brakes.Resume.as_view(), name="resume"),
    path("<int:message_id>/resend", brakes.ResendAll.as_view(), name="resend_all"),
    path("<int:message_id>/deliveries/<int:delivery_id>/resend", brakes.Resend.as_view(), name="resend"),
    path("<int:message_id>/publish", views.Publish.as_view(), name="publish"),
    path("<int:message_id>/recall", views.Recall.as_view(), name="recall"),
]
