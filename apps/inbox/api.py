"""The recipient's inbox for the campus app."""

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.devices import person_of
from apps.core.rest.fields import Instant
from apps.core.rest.schema import answers
from apps.core.rest.views import ListView, View
from apps.delivery.models import Recipient
from apps.inbox import selectors, services
from apps.messaging.models import Urgency


class EntryFilters(filters.FilterSet):
    unread = filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")


class EntryOutput(serializers.ModelSerializer):
    """A message as this recipient reads it."""

    title = serializers.SerializerMethodField()
    type = serializers.CharField(source="message.type.key")
    urgency = serializers.ChoiceField(Urgency.choices, source="message.urgency")
    sender = serializers.CharField(source="message.unit.name")
    received_at = Instant(source="created_at")
    expires_at = Instant(source="message.expires_at", allow_null=True)
    read_at = Instant(allow_null=True)

    class Meta:
        model = Recipient
        fields = ["id", "title", "type", "urgency", "sender", "received_at", "expires_at", "read_at"]

    def get_title(self, entry: Recipient) -> str:
        return selectors.rendered(entry).title


class EntryDetailOutput(EntryOutput):
    body = serializers.SerializerMethodField()

    class Meta(EntryOutput.Meta):
        fields = [*EntryOutput.Meta.fields, "body"]

    def get_body(self, entry: Recipient) -> str:
        return selectors.rendered(entry).body


class CountOutput(serializers.Serializer):
    unread = serializers.IntegerField()


class Inbox(ListView):
    serializer_class = EntryOutput
    filterset_class = EntryFilters
    queryset = Recipient.objects.none()

    def get_queryset(self) -> QuerySet[Recipient]:
        return selectors.entries(person_of(self.request.user))

    @extend_schema(operation_id="inbox_list", responses=answers({200: EntryOutput(many=True)}, 403))
    def get(self, request: Request) -> Response:
        """What you have received, newest first."""
        return self.page(request)


class UnreadCount(View):
    serializer_class = CountOutput

    @extend_schema(responses=answers({200: CountOutput}, 403))
    def get(self, request: Request) -> Response:
        return Response({"unread": selectors.unread(person_of(request.user)).count()})


class Entry(View):
    serializer_class = EntryDetailOutput

    @extend_schema(responses=answers({200: EntryDetailOutput}, 403, 404))
    def get(self, request: Request, entry_id: int) -> Response:
        """One message with your own values. Opening it marks it as read."""
        person = person_of(request.user)
        services.read(selectors.entry(person, entry_id))
        return Response(self.get_serializer(selectors.entry(person, entry_id)).data)
