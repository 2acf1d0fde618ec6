"""The preview of an audience over REST."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.rights import Right
from apps.channels.models import Channel
from apps.core.rest.fields import Key
from apps.core.rest.schema import answers
from apps.core.rest.serializers import Input
from apps.core.rest.views import View
from apps.delivery import preview, reasons
from apps.messaging import drafts, reach
from apps.messaging import selectors as messaging
from apps.messaging.api import drafting
from apps.messaging.api.serializers import AudienceInput
from apps.messaging.api.views import MayWrite

EXAMPLES = [
    OpenApiExample(
        "2024级 students without interns, and the guardians of minors",
        {
            "audience": {
                "include": [
                    {"unit": 12, "kind": "student", "cohort": 2024},
                    {"unit": 12, "kind": "student", "cohort": 2024, "minors": True, "reach": "guardians"},
                ],
                "exclude": [{"unit": 12, "state": "internship", "reach": "both"}],
            },
            "channels": ["inbox", "sms"],
        },
        request_only=True,
    ),
    OpenApiExample(
        "What it says",
        {
            "frozen": False,
            "count": 214,
            "channels": [
                {"key": "inbox", "title": "Inbox", "reachable": 214, "unreachable": []},
                {
                    "key": "sms",
                    "title": "SMS",
                    "reachable": 209,
                    "unreachable": [
                        {"reason": "no_address", "text": "The person has no address for this channel.", "count": 5}
                    ],
                },
            ],
            "units": [{"id": 31, "name": "机电2401班", "count": 38}],
            "without_unit": 61,
            "sample": ["示例一", "示例二"],
        },
        response_only=True,
    ),
]


class PreviewInput(Input):
    audience = AudienceInput()
    channels = Key(many=True, required=False, queryset=Channel.objects.all())


class UnreachableOutput(serializers.Serializer):
    reason = serializers.CharField()
    text = serializers.SerializerMethodField()
    count = serializers.IntegerField()

    def get_text(self, row: preview.Unreachable) -> str:
        return reasons.words(row.reason)


class ChannelReachOutput(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    reachable = serializers.IntegerField()
    unreachable = UnreachableOutput(many=True)


class UnitCountOutput(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    count = serializers.IntegerField()


class PreviewOutput(serializers.Serializer):
    """Of each channel, `reachable` and the counts of `unreachable` sum to `count`."""

    frozen = serializers.BooleanField()
    count = serializers.IntegerField()
    channels = ChannelReachOutput(many=True)
    units = UnitCountOutput(many=True)
    without_unit = serializers.IntegerField()
    sample = serializers.ListField(child=serializers.CharField())


class PreviewAudience(View):
    serializer_class = PreviewOutput
    permission_classes = [IsAuthenticated, MayWrite]
    scopes = {"POST": Right.WRITE}

    @extend_schema(request=PreviewInput, responses=answers({200: PreviewOutput}, 403, 404, 413), examples=EXAMPLES)
    def post(self, request: Request) -> Response:
        """Whom an audience would reach; nothing is stored. All channels that are switched on, if none are named."""
        data = self.read(PreviewInput)
        chosen = drafting.audience(data["audience"], by=request.user)
        drafts.check_rules(chosen["rules"])
        reach.check(chosen["rules"], chosen["rows"], by=request.user)
        channels = data.get("channels") or Channel.objects.filter(enabled=True)
        return Response(self.get_serializer(preview.of_rules(chosen["rules"], chosen["rows"], channels=channels)).data)


class MessageAudience(View):
    serializer_class = PreviewOutput
    scopes = {"GET": Right.SEE}

    @extend_schema(responses=answers({200: PreviewOutput}, 404))
    def get(self, request: Request, message_id: int) -> Response:
        """Whom a message reaches: by its rules while it is a draft or on its way, then as the audience was frozen."""
        return Response(self.get_serializer(preview.of_message(messaging.get(request.user, message_id))).data)
