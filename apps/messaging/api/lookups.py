"""What a message can be put together from."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import rights
from apps.accounts.rights import Right
from apps.channels.api import ChannelOutput
from apps.channels.models import Channel
from apps.core.rest.schema import answers
from apps.core.rest.views import ListView
from apps.directory.models import OrgUnit
from apps.messaging.api.filters import TemplateFilters
from apps.messaging.models import MessageType, Template


class MessageTypeOutput(serializers.ModelSerializer):
    title = serializers.CharField(source="__str__")
    channels = serializers.SlugRelatedField("key", many=True, read_only=True)

    class Meta:
        model = MessageType
        fields = ["key", "title", "urgency", "channels", "approval_needed"]


class ReachableUnitOutput(serializers.ModelSerializer):
    writable = serializers.SerializerMethodField()

    class Meta:
        model = OrgUnit
        fields = ["id", "name", "kind", "parent", "writable"]

    def get_writable(self, unit: OrgUnit) -> bool:
        """Whether you may write for this unit; you may write to all that are listed."""
        return unit.pk in self.context["writable"]


class TemplateOutput(serializers.ModelSerializer):
    type = serializers.SlugRelatedField("key", read_only=True)

    class Meta:
        model = Template
        fields = ["id", "type", "name", "title", "content"]


class Channels(ListView):
    scopes = {"GET": Right.SEE}
    serializer_class = ChannelOutput
    queryset = Channel.objects.all()

    @extend_schema(operation_id="channels_list", responses=answers({200: ChannelOutput(many=True)}))
    def get(self, request: Request) -> Response:
        return self.page(request)


class MessageTypes(ListView):
    scopes = {"GET": Right.SEE}
    serializer_class = MessageTypeOutput
    queryset = MessageType.objects.prefetch_related("channels")

    @extend_schema(operation_id="message_types_list", responses=answers({200: MessageTypeOutput(many=True)}))
    def get(self, request: Request) -> Response:
        return self.page(request)


class Units(ListView):
    scopes = {"GET": Right.WRITE}
    serializer_class = ReachableUnitOutput
    queryset = OrgUnit.objects.none()

    def get_queryset(self) -> QuerySet[OrgUnit]:
        return OrgUnit.objects.without_tree_fields().filter(pk__in=rights.reachable_units(self.request.user))

    def get_serializer_context(self) -> dict[str, object]:
        user = self.request.user if self.request else None
        writable = rights.units_with(user, Right.WRITE) if user and user.is_authenticated else set()
        return super().get_serializer_context() | {"writable": writable}

    @extend_schema(operation_id="units_list", responses=answers({200: ReachableUnitOutput(many=True)}))
    def get(self, request: Request) -> Response:
        """The units you may write to."""
        return self.page(request)


class Templates(ListView):
    scopes = {"GET": Right.SEE}
    serializer_class = TemplateOutput
    queryset = Template.objects.select_related("type")
    filterset_class = TemplateFilters

    @extend_schema(operation_id="templates_list", responses=answers({200: TemplateOutput(many=True)}))
    def get(self, request: Request) -> Response:
        return self.page(request)
