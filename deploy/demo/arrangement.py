"""The message of a trial: an exam arrangement, written by the author, with every student's own exams in it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.utils import timezone

from apps.accounts.models import User
from apps.delivery.models import Suppression
from apps.directory.models import ContactPoint, Person
from apps.messaging import drafts
from apps.messaging import services as messaging
from apps.messaging.models import Message, MessageType
from apps.messaging.states import Status
from deploy.demo import exams, roster, school
from deploy.demo.place import Place

CHANNELS = ("inbox", "email", "sms")
CLOSING = "请携带身份证和学生证，提前15分钟到场。\n教务处"
DEMO_CONTENT = (
    "((name))同学：\n\n你的考试安排如下。\n\n课程：((course))\n时间：((time))\n考场：((room))\n座位：((seat))\n\n"
    + CLOSING
)
FILE_CONTENT = "((name))同学：\n\n你的全部考试按时间顺序安排如下。\n\n((exams))\n\n" + CLOSING
DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is to be published. `values` maps a student number to the personal values."""

    content: str
    values: Mapping[str, Mapping[str, str]]
    sittings: tuple[exams.Sitting, ...]

    @property
    def title(self) -> str:
        days = sorted(sitting.exam.starts_at for sitting in self.sittings)
        return f"考试安排（{days[0]:%Y年%m月%d日}至{days[-1]:%m月%d日}）"


def of_school(candidates: Iterable[exams.Candidate]) -> Arrangement:
    """One exam each, with a value of its own for every part of it."""
    candidates = list(candidates)
    values = {one.number: _parts(one.sittings[0]) for one in candidates}
    return Arrangement(DEMO_CONTENT, values, tuple(exams.sittings_of(candidates)))


def of_plan(plan: exams.ExamPlan) -> Arrangement:
    """All exams of a student in one value, in order of time."""
    values = {one.number: {"exams": exams.lines(one.sittings)} for one in plan.candidates}
    return Arrangement(FILE_CONTENT, values, tuple(exams.sittings_of(plan.candidates)))


def _parts(sitting: exams.Sitting) -> dict[str, str]:
    return {
        "course": sitting.exam.course,
        "time": exams.moment(sitting.exam),
        "room": exams.place(sitting.exam),
        "seat": sitting.seat,
    }


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def published_before(key: str | None, place: Place) -> Message | None:
    """The message of this timetable, or of whatever was published last for None; None if there is none yet."""
    state = place.read("state")
    message_id = state.get("messages", {}).get(key or state.get("latest", ""))
    return Message.objects.filter(pk=message_id).first() if message_id else None


def write(arrangement: Arrangement, key: str, place: Place) -> Message:
    """Store the draft, and note which one it is before it is published, so that no crash can publish it twice."""
    author = User.objects.get(username="author")
    message = messaging.create(_draft(arrangement), by=author)
    state = place.read("state")
    state["messages"] = {**state.get("messages", {}), key: message.pk}
    place.write("state", state | {"latest": key})
    return message


def _draft(arrangement: Arrangement) -> drafts.Draft:
    kind = MessageType.objects.get(key="exam")
    ids = roster.numbers()
    last = max(sitting.exam.ends_at for sitting in arrangement.sittings)
    return drafts.Draft(
        title=arrangement.title,
        content=arrangement.content,
        type=kind,
        unit=roster.unit_at((school.SCHOOL, school.DEPARTMENTS[0])),
        urgency=kind.urgency,
        channels=tuple(kind.channels.model.objects.filter(key__in=CHANNELS)),
        # After the last exam nobody needs the message; a timetable of last term has to go out all the same.
        expires_at=last if last > timezone.now() else None,
        rules=(drafts.Rule(uploaded=True),),
        rows={ids[number]: values for number, values in arrangement.values.items()},
    )


def publish(message: Message) -> None:
    """By the author, or by the approver where the type of message asks for one. Does nothing the second time."""
    if message.status == Status.DRAFT:
        by = "approver" if message.type.approval_needed else "author"
        messaging.publish(message, by=User.objects.get(username=by))


def student_of(message: Message) -> str:
    """The number of somebody who gets the message on every channel."""
    reachable = Person.objects.filter(audience_rows__message=message)
    for kind in (ContactPoint.Kind.EMAIL, ContactPoint.Kind.MOBILE):
        living = (
            ContactPoint.objects.filter(kind=kind).exclude(value__startswith="dead.").exclude(value__endswith="0199")
        )
        listed = Suppression.objects.filter(kind=kind).values("value")
        reachable = reachable.filter(pk__in=living.exclude(value__in=listed).values("person"))
    person = reachable.order_by("pk").first() or Person.objects.filter(audience_rows__message=message).earliest("pk")
    return person.number
