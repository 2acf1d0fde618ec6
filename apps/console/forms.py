"""The form in which a department writes a message."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.channels.models import Channel
from apps.console import audiences, selectors
from apps.core.errors import MsgcenterError
from apps.directory import selection
from apps.directory.models import OrgUnit, Person, Segment
from apps.messaging import drafts, segments
from apps.messaging.drafts import FIRST_COHORT, LAST_COHORT, Draft, Rule
from apps.messaging.models import AudienceRule, Message, MessageType, Urgency

#: What the services call a field -> where the form shows its error.
FIELDS = {"publish_time": "publish_at", "audience": "units"}


class SchoolTime(forms.DateTimeField):
    """A local time of the school. Times that the clock skips or shows twice are refused by Django's own check."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(required=False, widget=widget, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], **kwargs)


class ComposeForm(forms.Form):
    NOW, LATER = "now", "later"

    title = forms.CharField(label=_("Title"), max_length=200)
    content = forms.CharField(
        label=_("Content"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 9}),
        help_text=_("Plain text; web addresses become links. ((name)) and ((number)) stand for the reader's own."),
    )
    type = forms.ModelChoiceField(MessageType.objects.all(), label=_("Message type"), empty_label=None)
    urgency = forms.ChoiceField(label=_("Urgency"), choices=Urgency.choices, initial=Urgency.GENERAL)
    unit = forms.ModelChoiceField(OrgUnit.objects.none(), label=_("Sender"), empty_label=None)
    channels = forms.ModelMultipleChoiceField(
        Channel.objects.filter(enabled=True), label=_("Channels"), widget=forms.CheckboxSelectMultiple
    )
    units = forms.ModelMultipleChoiceField(OrgUnit.objects.none(), label=_("Send to"), required=False)
    without = forms.ModelMultipleChoiceField(OrgUnit.objects.none(), label=_("But not to"), required=False)
    kind = forms.ChoiceField(
        label=_("Kind of person"), choices=[("", _("everybody")), *Person.Kind.choices], required=False
    )
    state = forms.ChoiceField(
        label=_("State"), choices=[("", _("all who have not left")), *selection.PRESENT], required=False
    )
    cohort = forms.IntegerField(
        label=_("Cohort (year)"),
        min_value=FIRST_COHORT,
        max_value=LAST_COHORT,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": _("all")}),
    )
    reach = forms.ChoiceField(
        label=_("Reach"), choices=AudienceRule.Reach.choices, initial=AudienceRule.Reach.SELF, required=False
    )
    minors = forms.BooleanField(label=_("Only minors"), required=False)
    segments = forms.ModelMultipleChoiceField(
        Segment.objects.none(), label=_("Segments"), widget=forms.CheckboxSelectMultiple, required=False
    )
    start = forms.ChoiceField(
        label=_("Publish"),
        choices=[(NOW, _("at once")), (LATER, _("at a set time"))],
        initial=NOW,
        widget=forms.RadioSelect,
    )
    publish_at = SchoolTime(label=_("Publish time"))
    expires_at = SchoolTime(label=_("Expiry"), help_text=_("After this time nothing more is sent. Empty: never."))

    def __init__(self, *args: Any, user: User, message: Message | None = None, **kwargs: Any) -> None:
        self.user, self.message = user, message
        self.nodes = selectors.reachable_tree(user)
        units, saved = set(_ids(self.nodes)), segments.visible_to(user)
        self.keeps_audience = message is not None and not audiences.fits_form(message, units=units, segments=saved)
        super().__init__(*args, initial=_initial(message, self.keeps_audience) if message else {}, **kwargs)
        self._offer_senders()
        self._offer_audience(units, saved)
        self._offer_urgencies()
        if message is None:
            self._offer_type_defaults()

    def _offer_senders(self) -> None:
        writable = selectors.writable_units(self.user)
        self.fields["unit"].queryset = writable
        if len(writable) == 1:
            self.fields["unit"].initial = writable[0]
            self.fields["unit"].widget = forms.HiddenInput()

    def _offer_audience(self, units: set[int], saved: QuerySet[Segment]) -> None:
        if self.keeps_audience:
            for name in ("units", "without", "segments", *audiences.NARROWING):
                del self.fields[name]
            return
        reachable = OrgUnit.objects.without_tree_fields().filter(pk__in=units)
        self.fields["units"].queryset = self.fields["without"].queryset = reachable
        self.fields["segments"].queryset = saved

    def _offer_urgencies(self) -> None:
        """Emergency is not even offered to those who hold that right nowhere."""
        if not rights.units_with(self.user, Right.EMERGENCY):
            self.fields["urgency"].choices = [one for one in Urgency.choices if one[0] != Urgency.EMERGENCY]

    def _offer_type_defaults(self) -> None:
        first = self.fields["type"].queryset.first()
        if first:
            self.fields["urgency"].initial = first.urgency
            self.fields["channels"].initial = [channel.pk for channel in first.channels.all()]

    def clean_publish_at(self) -> datetime | None:
        return self.cleaned_data["publish_at"] if self.cleaned_data.get("start") == self.LATER else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("start") == self.LATER and not cleaned.get("publish_at") and "publish_at" not in self.errors:
            self.add_error("publish_at", _("Set the time at which it is to be published."))
        return cleaned

    def draft(self) -> Draft:
        data = self.cleaned_data
        return Draft(
            **{name: data[name] for name in ("title", "type", "unit", "urgency", "publish_at", "expires_at")},
            content=data["content"].replace("\r\n", "\n"),
            channels=tuple(data["channels"]),
            rules=self._rules(),
            rows=drafts.rows_of(self.message) if self.keeps_audience else {},
        )

    def _rules(self) -> tuple[Rule, ...]:
        if self.keeps_audience:
            return drafts.rules_of(self.message)
        data = self.cleaned_data
        narrowing = {name: data[name] for name in audiences.NARROWING}
        narrowing["reach"] = data["reach"] or AudienceRule.Reach.SELF
        return audiences.rules(data["units"], data["without"], data["segments"], narrowing)

    def save(self, store: Callable[[Draft], Message]) -> Message | None:
        """Hand the draft to `store`; what it refuses becomes an error at the field it speaks of."""
        try:
            return store(self.draft())
        except MsgcenterError as error:
            name = FIELDS.get(error.field or "", error.field)
            self.add_error(name if name in self.fields else None, error.detail)
            return None


def _ids(nodes: list[selectors.Node]) -> list[int]:
    return [pk for node in nodes for pk in (node.unit.pk, *_ids(node.children))]


def _initial(message: Message, keeps_audience: bool) -> dict[str, object]:
    """The form as the message stands."""
    fields = {name: getattr(message, name) for name in ("title", "content", "urgency", "publish_at", "expires_at")}
    return {
        **fields,
        "type": message.type_id,
        "unit": message.unit_id,
        "channels": [row.channel_id for row in message.message_channels.all()],
        "start": ComposeForm.LATER if message.publish_at else ComposeForm.NOW,
        **({} if keeps_audience else audiences.initial(message)),
    }
