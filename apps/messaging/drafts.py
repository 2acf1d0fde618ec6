"""What a person hands in to write a message, and whether it can be accepted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import rights
from apps.accounts.models import User
from apps.accounts.rights import Right
from apps.audit import changes
from apps.channels.models import Channel
from apps.core.errors import InvalidInput, NotAllowed, NotFound
from apps.directory.models import OrgUnit, Person, Segment
from apps.messaging import reach, rendering
from apps.messaging.models import AudienceRule, Message, MessageType, Urgency

#: Nobody plans further ahead; a later time is a typing error.
FURTHEST = timedelta(days=3 * 366)
#: Years in which somebody may have come to the school.
FIRST_COHORT, LAST_COHORT = 1900, 2200


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of the audience: exactly one of `unit`, `segment`, `person` and `uploaded`; the rest narrows it down.

    In a segment it is one of `unit` and `person`.
    """

    effect: AudienceRule.Effect = AudienceRule.Effect.INCLUDE
    reach: AudienceRule.Reach = AudienceRule.Reach.SELF
    unit: OrgUnit | None = None
    segment: Segment | None = None
    person: Person | None = None
    uploaded: bool = False
    kind: str = ""
    state: str = ""
    cohort: int | None = None
    minors: bool = False


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message as it is handed in. `rows` maps the id of an uploaded person to the personal values."""

    title: str
    content: str
    type: MessageType
    unit: OrgUnit
    urgency: str = Urgency.GENERAL
    channels: tuple[Channel, ...]
    publish_at: datetime | None = None
    expires_at: datetime | None = None
    rules: tuple[Rule, ...]
    rows: Mapping[int, Mapping[str, str]] = field(default_factory=dict)


def of(message: Message) -> Draft:
    """A stored message as it would be handed in unchanged."""
    same = ("title", "content", "type", "unit", "urgency", "publish_at", "expires_at")
    return Draft(
        **{name: getattr(message, name) for name in same},
        channels=tuple(row.channel for row in message.message_channels.select_related("channel")),
        rules=rules_of(message),
        rows=rows_of(message),
    )


def rules_of(message: Message) -> tuple[Rule, ...]:
    parts = [part.name for part in fields(Rule)]
    stored = message.audience_rules.select_related("unit", "segment", "person")
    return tuple(Rule(**{part: getattr(rule, part) for part in parts}) for rule in stored)


def rows_of(message: Message) -> dict[int, Mapping[str, str]]:
    return dict(message.audience_rows.values_list("person_id", "values"))


def changes_between(before: Draft, after: Draft) -> dict[str, list[object]]:
    """As the audit log tells it: of uploaded people only how many there are."""
    names = ("title", "content", "type", "unit", "urgency", "publish_at", "expires_at")
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in names}
    pairs["channels"] = (set(before.channels), set(after.channels))
    pairs["audience_rules"] = (_rules_in_words(before), _rules_in_words(after))
    pairs["audience_rows"] = (len(before.rows), len(after.rows))
    return changes.shown(Message, {name: pair for name, pair in pairs.items() if pair[0] != pair[1]})


def rewritten(before: Draft, after: Draft) -> bool:
    """Whether it says something else, or to others, or elsewhere: who did that has written a part of it."""
    if set(before.channels) != set(after.channels):
        return True
    return any(getattr(before, name) != getattr(after, name) for name in ("title", "content", "rules", "rows"))


def _rules_in_words(draft: Draft) -> list[str]:
    return [str(AudienceRule(**vars(rule))) for rule in draft.rules]


def check(draft: Draft, *, by: User) -> None:
    """Whether `by` may hand in this draft, and whether it makes sense. Raises an error that says what to change."""
    check_rights(draft, by=by)
    check_times(draft.publish_at, draft.expires_at)
    check_content(draft)
    check_rules(draft.rules)
    if not draft.channels:
        raise InvalidInput(_("Choose at least one channel."), field="channels")
    for channel in draft.channels:
        if not channel.enabled:
            raise InvalidInput(_("The channel %s is switched off.") % channel, field="channels")


def check_rights(draft: Draft, *, by: User) -> None:
    if draft.unit.pk not in rights.units_with(by, Right.SEE):
        raise NotFound(_("There is no such unit."), field="unit")
    if not rights.can(by, Right.WRITE, draft.unit):
        raise NotAllowed()
    if draft.urgency == Urgency.EMERGENCY and not rights.can(by, Right.EMERGENCY, draft.unit):
        raise NotAllowed(_("You do not have the right to send emergency messages."), field="urgency")
    reach.check(draft.rules, draft.rows, by=by)


def check_rules(rules: Collection[Rule]) -> None:
    if not rules:
        raise InvalidInput(_("Choose at least one recipient."), field="audience", code="no_recipients")
    if any(rule.state == Person.State.LEFT for rule in rules):
        raise InvalidInput(_("Who has left is in no audience."), field="audience")
    if any(rule.cohort is not None and not FIRST_COHORT <= rule.cohort <= LAST_COHORT for rule in rules):
        raise InvalidInput(_("This is no year of a cohort."), field="audience")


def check_times(publish_at: datetime | None, expires_at: datetime | None) -> None:
    now = timezone.now()
    for name, at in (("publish_time", publish_at), ("expires_at", expires_at)):
        if at and at <= now:
            raise InvalidInput(_("This time is in the past."), field=name)
        if at and at > now + FURTHEST:
            raise InvalidInput(_("This time is more than three years ahead."), field=name)
    if publish_at and expires_at and expires_at <= publish_at:
        raise InvalidInput(_("The message would expire before it is published."), field="expires_at")


def check_content(draft: Draft) -> None:
    names = _placeholders(draft.title, "title") | _placeholders(draft.content, "content")
    if not is_one_line(draft.title):
        raise InvalidInput(_("The title must be one line."), field="title")
    in_title = rendering.parse(draft.title).names
    if any(not is_one_line(str(values.get(name, ""))) for values in draft.rows.values() for name in in_title):
        raise InvalidInput(_("Values that stand in the title must be one line."), field="audience")
    wanted = names - rendering.BUILT_IN
    if not wanted:
        return
    uploaded_only = all(
        rule.uploaded and rule.reach == AudienceRule.Reach.SELF
        for rule in draft.rules
        if rule.effect == AudienceRule.Effect.INCLUDE
    )
    if not uploaded_only:
        raise InvalidInput(
            _("These placeholders need personal values, which only uploaded people have: %s")
            % ", ".join(sorted(wanted)),
            field="content",
            code="missing_value",
        )
    missing = {name for values in draft.rows.values() for name in wanted - values.keys()}
    if missing:
        raise InvalidInput(
            _("Some uploaded people have no value for: %s") % ", ".join(sorted(missing)),
            field="audience",
            code="missing_value",
        )


def is_one_line(text: str) -> bool:
    return text.splitlines() in ([], [text]) and all(character >= " " for character in text)


def check_audience(people: QuerySet[Person]) -> None:
    """The audience must neither be empty nor above the school's limit. Counts no further than the limit."""
    count = people.order_by()[: settings.MAX_AUDIENCE + 1].count()
    if not count:
        raise InvalidInput(_("No recipients: nobody matches this audience."), field="audience", code="no_recipients")
    if count > settings.MAX_AUDIENCE:
        raise InvalidInput(
            _("The audience is above this school's limit of %d people.") % settings.MAX_AUDIENCE, field="audience"
        )


def _placeholders(text: str, field: str) -> frozenset[str]:
    try:
        return rendering.parse(text).names
    except InvalidInput as error:
        raise InvalidInput(error.detail, field=field) from None
