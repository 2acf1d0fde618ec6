"""What became of a message: its progress, and every delivery of it."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.views.decorators.http import conditional_page
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.rights import Right
from apps.channels.models import Channel
from apps.core.errors import NotFound
from apps.core.masking import masked
from apps.core.rest.fields import Instant
from apps.core.rest.schema import IDEMPOTENCY_KEY, answers
from apps.core.rest.serializers import Nothing
from apps.core.rest.views import ListView, View
from apps.delivery import reasons, selectors, services
from apps.delivery.models import Delivery
from apps.delivery.states import Status
from apps.messaging import selectors as messaging
from apps.messaging.api.views import once
from apps.messaging.idempotency import Answer
from apps.messaging.models import Message
from apps.messaging.states import Status as MessageStatus


class DeliveryFilters(filters.FilterSet):
    status = filters.ChoiceFilter(choices=Status.choices)
    channel = filters.ModelChoiceFilter(
        field_name="message_channel__channel", queryset=Channel.objects.all(), to_field_name="key"
    )


class RecipientOutput(serializers.Serializer):
    name = serializers.CharField()
    number = serializers.CharField(allow_null=True)


class DeliveryOutput(serializers.ModelSerializer):
    recipient = RecipientOutput(source="recipient.person")
    channel = serializers.CharField(source="message_channel.channel.key")
    status = serializers.ChoiceField(Status.choices)
    reason_text = serializers.SerializerMethodField()
    address = serializers.SerializerMethodField()
    sandboxed = serializers.SerializerMethodField()
    updated_at = Instant()

    class Meta:
        model = Delivery
        fields = ["id", "recipient", "channel", "status", "reason", "reason_text", "attempt", "address"]
        fields += ["maybe_duplicate", "sandboxed", "updated_at"]

    def get_reason_text(self, delivery: Delivery) -> str:
        return reasons.words(delivery.reason) if delivery.reason else ""

    def get_address(self, delivery: Delivery) -> str:
        return masked(delivery.address)

    def get_sandboxed(self, delivery: Delivery) -> bool:
        """All deliveries of an answer are of one message."""
        return self.context["message"].sandboxed


class ReasonOutput(serializers.Serializer):
    status = serializers.ChoiceField(Status.choices)
    reason = serializers.CharField()
    text = serializers.SerializerMethodField()
    count = serializers.IntegerField()

    def get_text(self, row: selectors.ReasonCount) -> str:
        return reasons.words(row.reason)


class ChannelProgressOutput(serializers.Serializer):
    """`counts` sum to `total`. `paused_reason` is empty unless the whole channel is paused."""

    key = serializers.CharField()
    title = serializers.CharField()
    paused_reason = serializers.CharField()
    total = serializers.IntegerField()
    settled = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())
    reasons = ReasonOutput(many=True)


class ProgressOutput(serializers.Serializer):
    status = serializers.ChoiceField(choices=MessageStatus.choices)
    paused = serializers.BooleanField()
    sandboxed = serializers.BooleanField()
    audience = serializers.IntegerField()
    read = serializers.IntegerField()
    complete = serializers.BooleanField()
    channels = ChannelProgressOutput(many=True)


@method_decorator(conditional_page, name="dispatch")
class Progress(View):
    serializer_class = ProgressOutput
    scopes = {"GET": Right.SEE}

    @extend_schema(responses=answers({200: ProgressOutput}, 404))
    def get(self, request: Request, message_id: int) -> Response:
        """How far a message is, channel by channel. Send the ETag back as If-None-Match: 304 while nothing changes."""
        return Response(self.get_serializer(selectors.progress(messaging.get(request.user, message_id))).data)


class OfMessage(View):
    """Deliveries of the message in the address."""

    serializer_class = DeliveryOutput

    @cached_property
    def message(self) -> Message:
        return messaging.get(self.request.user, self.kwargs["message_id"])

    def get_serializer_context(self) -> dict[str, Any]:
        # The description of the API is made without an address.
        return super().get_serializer_context() | {"message": self.message if self.kwargs else None}


class Deliveries(ListView, OfMessage):
    filterset_class = DeliveryFilters
    queryset = Delivery.objects.none()
    scopes = {"GET": Right.SEE}

    def get_queryset(self) -> QuerySet[Delivery]:
        return selectors.deliveries(self.message)

    @extend_schema(operation_id="deliveries_list", responses=answers({200: DeliveryOutput(many=True)}, 404))
    def get(self, request: Request, message_id: int) -> Response:
        """Everything of a message that leaves the house, person by person; the inbox needs no delivery."""
        return self.page(request)


class Resend(OfMessage):
    scopes = {"POST": Right.PUBLISH}

    @extend_schema(
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses=answers({200: DeliveryOutput}, 403, 404, 409, 422),
    )
    def post(self, request: Request, message_id: int, delivery_id: int) -> Response:
        """Send again what is unknown, or failed because nobody confirmed it. It may arrive twice, and says so."""
        self.read(Nothing)
        return Response(once(request, partial(self.resend, request, delivery_id)).body)

    def resend(self, request: Request, delivery_id: int) -> Answer:
        found = selectors.deliveries(self.message).filter(pk=delivery_id)
        if not found.exists():
            raise NotFound()
        services.resend(delivery_id, by=request.user)
        return Answer(200, self.get_serializer(found.get()).data)
