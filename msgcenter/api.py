"""The addresses under /api/v1/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from apps.accounts import api as accounts
from apps.accounts import api_keys as keys
from apps.accounts import api_roles as roles
from apps.channels import api as channels
from apps.core.rest.schema import Docs
from apps.core.rest.views import UnknownAddress
from apps.delivery import api as delivery
from apps.delivery import preview_api as preview
from apps.directory.roster import api as roster
from apps.inbox import api as inbox
from apps.messaging.api import lookups, segments
from apps.messaging.api import views as messaging

app_name = "api"
urlpatterns = [
    path("v1/login", accounts.Login.as_view(), name="login"),
    path("v1/logout", accounts.Logout.as_view(), name="logout"),
    path("v1/devices", accounts.Devices.as_view(), name="devices"),
    path("v1/devices/<str:token>", accounts.OneDevice.as_view(), name="device"),
    path("v1/roles", roles.Roles.as_view(), name="roles"),
    path("v1/roles/<int:role_id>", roles.OneRole.as_view(), name="role"),
    path("v1/keys", keys.Keys.as_view(), name="keys"),
    path("v1/keys/<int:key_id>/revoke", keys.RevokeKey.as_view(), name="revoke_key"),
    path("v1/messages", messaging.Messages.as_view(), name="messages"),
    path("v1/messages/<int:message_id>", messaging.OneMessage.as_view(), name="message"),
    path("v1/messages/<int:message_id>/publish", messaging.Publish.as_view(), name="publish"),
    path("v1/messages/<int:message_id>/recall", messaging.Recall.as_view(), name="recall"),
    path("v1/messages/<int:message_id>/pause", messaging.Pause.as_view(), name="pause"),
    path("v1/messages/<int:message_id>/resume", messaging.Resume.as_view(), name="resume"),
    path("v1/messages/<int:message_id>/progress", delivery.Progress.as_view(), name="progress"),
    path("v1/messages/<int:message_id>/deliveries", delivery.Deliveries.as_view(), name="deliveries"),
    path("v1/messages/<int:message_id>/deliveries/<int:delivery_id>/resend", delivery.Resend.as_view(), name="resend"),
    path("v1/messages/<int:message_id>/audience", preview.MessageAudience.as_view(), name="message_audience"),
    path("v1/audience/preview", preview.PreviewAudience.as_view(), name="preview_audience"),
    path("v1/segments", segments.Segments.as_view(), name="segments"),
    path("v1/segments/<int:segment_id>", segments.OneSegment.as_view(), name="segment"),
    path("v1/channels", lookups.Channels.as_view(), name="channels"),
    path("v1/channels/<str:key>/pause", channels.PauseChannel.as_view(), name="pause_channel"),
    path("v1/channels/<str:key>/resume", channels.ResumeChannel.as_view(), name="resume_channel"),
    path("v1/stop", channels.StopAll.as_view(), name="stop_all"),
    path("v1/stop/resume", channels.ResumeAll.as_view(), name="resume_all"),
    path("v1/message-types", lookups.MessageTypes.as_view(), name="message_types"),
    path("v1/units", lookups.Units.as_view(), name="units"),
    path("v1/templates", lookups.Templates.as_view(), name="templates"),
    path("v1/roster-imports", roster.RosterImports.as_view(), name="roster_imports"),
    path("v1/roster-imports/<int:roster_id>", roster.OneRosterImport.as_view(), name="roster_import"),
    path("v1/roster-imports/<int:roster_id>/changes", roster.RosterChanges.as_view(), name="roster_changes"),
    path("v1/roster-imports/<int:roster_id>/apply", roster.ApplyRoster.as_view(), name="apply_roster"),
    path("v1/roster-imports/<int:roster_id>/discard", roster.DiscardRoster.as_view(), name="discard_roster"),
    path("v1/inbox", inbox.Inbox.as_view(), name="inbox"),
    path("v1/inbox/unread-count", inbox.UnreadCount.as_view(), name="unread_count"),
    path("v1/inbox/<int:entry_id>", inbox.Entry.as_view(), name="entry"),
    path("v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("v1/docs", Docs.as_view(url_name="api:schema"), name="docs"),
    re_path("", UnknownAddress.as_view()),
]
