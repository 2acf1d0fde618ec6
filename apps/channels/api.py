"""The brakes of the whole house: one channel, or everything that leaves it."""

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.rights import Right
from apps.channels import services
from apps.channels.models import Channel
from apps.core.rest.fields import Text
from apps.core.rest.schema import answers
from apps.core.rest.serializers import Input, Nothing
from apps.core.rest.views import View


class ChannelOutput(serializers.ModelSerializer):
    """Why it is paused may name people, so it is shown to those who work with messages only, in their progress."""

    title = serializers.CharField(source="__str__")
    paused = serializers.BooleanField()

    class Meta:
        model = Channel
        fields = ["key", "title", "enabled", "paused"]


class ReasonInput(Input):
    reason = Text(max_length=190, required=False, help_text=_("Shown wherever the state of the channel is shown."))


class ChannelVerb(View):
    serializer_class = ChannelOutput
    scopes = {"POST": Right.MANAGE_CHANNELS}

    def channel(self, key: str) -> Channel:
        return get_object_or_404(Channel, key=key)


class PauseChannel(ChannelVerb):
    @extend_schema(request=ReasonInput, responses=answers({200: ChannelOutput}, 403, 404, 409))
    def post(self, request: Request, key: str) -> Response:
        """Hold a channel: nothing leaves over it until it is resumed. For administrators of the whole school."""
        reason = self.read(ReasonInput).get("reason", "")
        channel = services.pause_channel(self.channel(key), reason=reason, by=request.user)
        return Response(self.get_serializer(channel).data)


class ResumeChannel(ChannelVerb):
    @extend_schema(request=None, responses=answers({200: ChannelOutput}, 403, 404, 409))
    def post(self, request: Request, key: str) -> Response:
        """Let a paused channel go on."""
        self.read(Nothing)
        return Response(self.get_serializer(services.resume_channel(self.channel(key), by=request.user)).data)


class StopAll(ChannelVerb):
    @extend_schema(request=ReasonInput, responses=answers({200: ChannelOutput(many=True)}, 403))
    def post(self, request: Request) -> Response:
        """The panic stop: pause every channel that leaves the house. Answers with those it has paused."""
        reason = self.read(ReasonInput).get("reason", "")
        return Response(self.get_serializer(services.stop_all(reason=reason, by=request.user), many=True).data)


class ResumeAll(ChannelVerb):
    @extend_schema(request=None, responses=answers({200: ChannelOutput(many=True)}, 403))
    def post(self, request: Request) -> Response:
        """Take the panic stop back; a channel that was paused by itself stays paused."""
        self.read(Nothing)
        return Response(self.get_serializer(services.resume_all(by=request.user), many=True).data)
