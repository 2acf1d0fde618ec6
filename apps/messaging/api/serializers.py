"""Messages as they come in and as they go out."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from apps.accounts.api import WhoOutput
from apps.channels.models import Channel
from apps.core.rest.fields import Flag, Id, Instant, Key, Text, Whole
from apps.core.rest.serializers import Input
from apps.directory.models import Person, Rule
from apps.directory.selection import PRESENT
from apps.messaging.api.rows import Rows
from apps.messaging.drafts import FIRST_COHORT, LAST_COHORT
from apps.messaging.models import AudienceRule, Message, MessageType, Urgency
from apps.messaging.states import Status

MAX_RULES = 200
#: What narrows a rule down.
NARROWING = frozenset({"kind", "state", "cohort", "minors"})


class SegmentRuleInput(Input):
    """One of `unit` and `person`; `kind`, `state`, `cohort` and `minors` narrow a unit down."""

    unit = Id(required=False, help_text=_("With everybody below it."))
    person = Text(max_length=40, required=False, help_text=_("student or staff number"))
    reach = serializers.ChoiceField(AudienceRule.Reach.choices, required=False)
    kind = serializers.ChoiceField(Person.Kind.choices, required=False)
    state = serializers.ChoiceField(PRESENT, required=False, help_text=_("Empty: all who have not left."))
    cohort = Whole(min_value=FIRST_COHORT, max_value=LAST_COHORT, required=False, help_text=_("2024 for 2024级"))
    minors = Flag(required=False, help_text=_("Under 18 on the day of publishing, by the date of birth."))

    targets = frozenset({"unit", "person"})
    default_error_messages = {
        "one_of": _("A rule names exactly one of: {targets}."),
        "kind": _("Only a unit or a segment can be narrowed down."),
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & self.targets) != 1:
            self.fail("one_of", targets=", ".join(sorted(self.targets)))
        if attrs.keys() & NARROWING and not attrs.keys() & {"unit", "segment"}:
            self.fail("kind")
        return attrs


class RuleInput(SegmentRuleInput):
    """One of `unit`, `segment`, `person` and `uploaded`; a segment can be narrowed down as a unit can."""

    segment = Id(required=False)
    uploaded = serializers.ChoiceField([(True, _("the uploaded people"))], required=False)

    targets = frozenset({"unit", "segment", "person", "uploaded"})


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
    segment = serializers.IntegerField(required=False, allow_null=True)
    person = serializers.CharField(required=False, allow_null=True)
    uploaded = serializers.BooleanField(required=False)
    reach = serializers.ChoiceField(AudienceRule.Reach.choices)
    kind = serializers.ChoiceField(Person.Kind.choices, required=False)
    state = serializers.ChoiceField(PRESENT, required=False)
    cohort = serializers.IntegerField(required=False)
    minors = serializers.BooleanField(required=False)


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
        return by_effect(rules) | {"row_count": message.audience_rows.count()}


def by_effect(rules: Collection[Rule]) -> dict[str, list[dict[str, Any]]]:
    return {effect.value: [_rule(rule) for rule in rules if rule.effect == effect] for effect in Rule.Effect}


def _rule(rule: Rule) -> dict[str, Any]:
    """In the words of `RuleInput`. A segment that was deleted after the message was over is null."""
    asked = {name: getattr(rule, name) for name in NARROWING if getattr(rule, name)}
    return {**_target(rule), "reach": rule.reach, **dict(sorted(asked.items()))}


def _target(rule: Rule) -> dict[str, Any]:
    if getattr(rule, "uploaded", False):
        return {"uploaded": True}
    if rule.person:
        return {"person": rule.person.number}
    return {"unit": rule.unit_id} if rule.unit_id else {"segment": rule.segment_id}
