"""Messages as they come in and as they go out."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from apps.accounts.api import WhoOutput
from apps.channels.models import Channel
from apps.core.rest.fields import Id, Instant, Key, Text
from apps.core.rest.serializers import Input
from apps.directory.models import Person
from apps.messaging.api.rows import Rows
from apps.messaging.models import AudienceRule, Message, MessageType, Urgency
from apps.messaging.states import Status

MAX_RULES = 200


class RuleInput(Input):
    """One of `unit`, `person` and `uploaded`; `kind` narrows a unit down."""

    unit = Id(required=False)
    kind = serializers.ChoiceField(Person.Kind.choices, required=False)
    reach = serializers.ChoiceField(AudienceRule.Reach.choices, required=False)
    person = Text(max_length=40, required=False, help_text=_("student or staff number"))
    uploaded = serializers.ChoiceField([(True, _("the uploaded people"))], required=False)

    default_error_messages = {
        "one_of": _("A rule names exactly one of unit, person and uploaded."),
        "kind": _("Only a unit can be narrowed down to a kind of person."),
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"unit", "person", "uploaded"}) != 1:
            self.fail("one_of")
        if "kind" in attrs and "unit" not in attrs:
            self.fail("kind")
        return attrs


class AudienceInput(Input):
    """Included without excluded. `rows` are uploaded people; where nothing is included, they are the audience."""

    include = RuleInput(many=True, required=False, max_length=MAX_RULES)
    exclude = RuleInput(many=True, required=False, max_length=MAX_RULES)
    rows = Rows(required=False)


class MessageInput(Input):
    title = Text(max_length=200)
    content = Text(max_length=20_000)
    type = Key(queryset=MessageType.objects.all())
    unit = Id(required=False, help_text=_("The unit that sends; may be left out by who writes for one only."))
    urgency = serializers.ChoiceField(Urgency.choices, required=False, help_text=_("The type's, if left out."))
    channels = Key(
        many=True, required=False, queryset=Channel.objects.all(), help_text=_("Those of the type, if left out.")
    )
    publish_time = Instant(required=False, allow_null=True, help_text=_("At once, if left out or null."))
    expires_at = Instant(required=False, allow_null=True, help_text=_("Never, if left out or null."))
    audience = AudienceInput()

    def validate_channels(self, channels: list[Channel]) -> list[Channel]:
        if len(set(channels)) < len(channels):
            raise serializers.ValidationError(_("A channel occurs twice."), code="duplicate")
        return channels


class RuleOutput(serializers.Serializer):
    unit = serializers.IntegerField(required=False)
    kind = serializers.ChoiceField(Person.Kind.choices, required=False)
    reach = serializers.ChoiceField(AudienceRule.Reach.choices)
    person = serializers.CharField(required=False, allow_null=True)
    uploaded = serializers.BooleanField(required=False)


class AudienceOutput(serializers.Serializer):
    include = RuleOutput(many=True)
    exclude = RuleOutput(many=True)
    row_count = serializers.IntegerField()


class MessageOutput(serializers.ModelSerializer):
    """A message in a list. `sandboxed`: it was written with a test key, and nothing of it leaves the house."""

    type = serializers.SlugRelatedField("key", read_only=True)
    author = WhoOutput(read_only=True)
    channels = serializers.SerializerMethodField()
    status = serializers.ChoiceField(Status.choices, read_only=True)
    paused = serializers.BooleanField(read_only=True)
    publish_time = Instant(source="publish_at", read_only=True, allow_null=True)
    expires_at = Instant(read_only=True, allow_null=True)
    created_at = Instant(read_only=True)
    published_at = Instant(read_only=True, allow_null=True)
    ended_at = Instant(read_only=True, allow_null=True)
    url = serializers.SerializerMethodField()
    progress_url = serializers.SerializerMethodField()
    deliveries_url = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = [
            *(
                "id",
                "status",
                "paused",
                "sandboxed",
                "title",
                "content",
                "type",
                "urgency",
                "unit",
                "author",
                "channels",
            ),
            *("publish_time", "expires_at", "created_at", "published_at", "ended_at", "audience_size"),
            *("url", "progress_url", "deliveries_url"),
        ]

    def get_channels(self, message: Message) -> list[str]:
        return [row.channel.key for row in message.message_channels.all()]

    def get_url(self, message: Message) -> str:
        return self._address("api:message", message)

    def get_progress_url(self, message: Message) -> str:
        return self._address("api:progress", message)

    def get_deliveries_url(self, message: Message) -> str:
        return self._address("api:deliveries", message)

    def _address(self, name: str, message: Message) -> str:
        return reverse(name, [message.pk], request=self.context["request"])


class MessageDetailOutput(MessageOutput):
    """A message with its audience, but not with the values of every person in it."""

    audience = serializers.SerializerMethodField()

    class Meta(MessageOutput.Meta):
        fields = [*MessageOutput.Meta.fields, "audience"]

    @extend_schema_field(AudienceOutput)
    def get_audience(self, message: Message) -> dict[str, Any]:
        rules = list(message.audience_rules.select_related("person"))
        return {
            effect.value: [_rule(rule) for rule in rules if rule.effect == effect] for effect in AudienceRule.Effect
        } | {"row_count": message.audience_rows.count()}


def _rule(rule: AudienceRule) -> dict[str, Any]:
    """In the words of `RuleInput`."""
    if rule.uploaded:
        return {"uploaded": True, "reach": rule.reach}
    if rule.person:
        return {"person": rule.person.number, "reach": rule.reach}
    kind = {"kind": rule.kind} if rule.kind else {}
    return {"unit": rule.unit_id, **kind, "reach": rule.reach}
