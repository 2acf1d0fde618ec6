"""Messages, their types and templates in the admin.

A message is written in the console or by the API; here people look at it, publish it and take it back.
"""

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.audit.admin import AuditedAdmin
from apps.core.admin import ReadOnlyAdmin, ReadOnlyInline, run_each
from apps.core.errors import InvalidInput
from apps.directory.models import Segment
from apps.messaging import rendering, services
from apps.messaging.models import (
    SETTLED_COUNTERS,
    AudienceRow,
    AudienceRule,
    Message,
    MessageChannel,
    MessageType,
    Template,
)
from apps.messaging.segment_admin import SegmentAdmin

admin.site.register(Segment, SegmentAdmin)


@admin.register(MessageType)
class MessageTypeAdmin(AuditedAdmin):
    list_display = ["__str__", "key", "urgency", "approval_needed"]
    list_filter = ["urgency"]
    filter_horizontal = ["channels"]

    def get_readonly_fields(self, request: HttpRequest, obj: MessageType | None = None) -> list[str]:
        """The API names a type by its key."""
        return ["key"] if obj else []


class TemplateForm(forms.ModelForm):
    def clean_title(self) -> str:
        if any(ord(character) < 32 for character in self.cleaned_data["title"]):
            raise forms.ValidationError(_("The title must be one line."))
        return _parsed(self.cleaned_data["title"])

    def clean_content(self) -> str:
        return _parsed(self.cleaned_data["content"])


def _parsed(text: str) -> str:
    try:
        rendering.parse(text)
    except InvalidInput as error:
        raise forms.ValidationError(error.detail) from None
    return text


@admin.register(Template)
class TemplateAdmin(AuditedAdmin):
    form = TemplateForm
    list_display = ["name", "type", "title"]
    list_filter = ["type"]
    list_select_related = ["type"]
    search_fields = ["name", "title"]


class MessageChannelInline(ReadOnlyInline):
    model = MessageChannel
    fields = ["channel", "total", *SETTLED_COUNTERS]


class AudienceRuleInline(ReadOnlyInline):
    model = AudienceRule
    fields = ["effect", "reach", "unit", "segment", "person", "uploaded", "kind", "state", "cohort", "minors"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AudienceRule]:
        return super().get_queryset(request).select_related("unit", "segment", "person")


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ["title", "status", "is_paused", "type", "urgency", "unit", "author", "publish_at", "audience_size"]
    list_filter = ["status", ("paused_at", admin.EmptyFieldListFilter), "urgency", "type", "sandboxed", "created_at"]
    list_select_related = ["type", "unit", "author"]
    search_fields = ["title"]
    ordering = ["-pk"]
    fields = ["title", "content", "type", "urgency", "unit", "author", "publisher", "status", "paused_at", "sandboxed"]
    fields += ["publish_at", "expires_at", "created_at", "updated_at", "published_at", "ended_at"]
    fields += ["audience_size", "links"]
    inlines = [MessageChannelInline, AudienceRuleInline]
    actions = ["publish", "recall", "pause", "resume"]

    def get_readonly_fields(self, request: HttpRequest, obj: Message | None = None) -> list[str]:
        return self.fields

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Who may only look is not offered the actions; whether he may publish this message, the service says."""
        return request.user.has_perm("messaging.send_message")

    @admin.action(description=_("Publish the selected messages"), permissions=["send"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        run_each(self, request, queryset, services.publish, done=_with_status)

    @admin.action(description=_("Recall the selected messages"), permissions=["send"])
    def recall(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        run_each(self, request, queryset, services.recall, done=_with_status)

    @admin.action(description=_("Pause the selected messages"), permissions=["send"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        run_each(self, request, queryset, services.pause, done=lambda message: _("%s is paused.") % message)

    @admin.action(description=_("Resume the selected messages"), permissions=["send"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        run_each(self, request, queryset, services.resume, done=lambda message: _("%s goes on.") % message)

    @admin.display(description=_("paused"), boolean=True)
    def is_paused(self, message: Message) -> bool:
        return message.paused

    @admin.display(description=_("see also"))
    def links(self, message: Message) -> SafeString:
        return format_html(
            '<a href="{}?message={}">{}</a> · <a href="{}?message_channel__message={}">{}</a> · <a href="{}">{}</a>',
            reverse("admin:delivery_recipient_changelist"),
            message.pk,
            _("recipients"),
            reverse("admin:delivery_delivery_changelist"),
            message.pk,
            _("deliveries"),
            reverse("console:message", args=[message.pk]),
            _("progress"),
        )


def _with_status(message: Message) -> str:
    """Published is not always publishing: a message may be scheduled for later."""
    return f"{message}: {message.get_status_display()}"


class OwnUnitsAdmin(ReadOnlyAdmin):
    """Rows that hang on a message: people see those of their units' messages, and come from its page."""

    lookups = ["message"]


@admin.register(MessageChannel)
class MessageChannelAdmin(OwnUnitsAdmin):
    list_display = ["message", "channel", "total", *SETTLED_COUNTERS]
    list_filter = ["channel"]
    list_select_related = ["message", "channel"]
    search_fields = ["message__title"]
    ordering = ["-pk"]


@admin.register(AudienceRow)
class AudienceRowAdmin(OwnUnitsAdmin):
    list_display = ["message", "person"]
    list_select_related = ["message", "person"]
    search_fields = ["person__number__exact"]
    search_help_text = _("Student or staff number")
    ordering = ["-pk"]
