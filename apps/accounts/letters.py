"""Codes and links on their way to a contact point, by the school's own channels (`workers/letters.py` sends them)."""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.models import Letter
from apps.core import jobs
from apps.directory.models import ContactPoint

#: Somebody waits for it: it goes ahead of everything in bulk.
LANES = {ContactPoint.Kind.EMAIL: "email.urgent", ContactPoint.Kind.MOBILE: "sms.urgent"}
#: How long one is left alone that could not be sent, and how often it is tried at all.
AGAIN_AFTER = timedelta(seconds=20)
MAX_ATTEMPTS = 5
KEPT = timedelta(days=7)

State = Letter.State


def write(
    kind: Letter.Kind, contact_point: ContactPoint | None, secret: str, *, via: str, expires_at: datetime
) -> Letter:
    """It leaves once the transaction at hand has committed. `via` is the kind of the contact point, or of none."""
    letter = Letter.objects.create(
        kind=kind,
        contact_point=contact_point,
        secret=secret,
        language=translation.get_language() or "",
        due_at=timezone.now(),
        expires_at=expires_at,
    )
    jobs.enqueue(jobs.SEND_LETTER, letter.pk, lane=LANES[ContactPoint.Kind(via)])
    return letter


def words(letter: Letter) -> tuple[str, str]:
    """Title and text, in the language in which it was asked for."""
    with translation.override(letter.language):
        title, text = WORDS[Letter.Kind(letter.kind)]
        return _(title), _(text) % {"secret": letter.secret}


def take(letter_id: int) -> Letter | None:
    """The letter, if it is ours to send now; nobody else gets it. One whose time is over is put away."""
    now = timezone.now()
    row = Letter.objects.filter(pk=letter_id, state=State.WAITING)
    if row.filter(expires_at__lte=now).update(state=State.FAILED, secret=None):
        return None
    if not row.filter(due_at__lte=now).update(state=State.SENDING):
        return None
    return Letter.objects.select_related("contact_point").get(pk=letter_id)


def sent(letter: Letter) -> None:
    """The secret has left, or may have: it is not kept any longer, and the letter not sent again."""
    _put_away(letter, State.SENT)


def failed(letter: Letter) -> None:
    _put_away(letter, State.FAILED)


def put_back(letter: Letter, *, tried: bool) -> None:
    """Certainly not sent: try again a little later, but not for ever where it was `tried`."""
    attempt = letter.attempt + tried
    if attempt >= MAX_ATTEMPTS:
        return failed(letter)
    row = Letter.objects.filter(pk=letter.pk, state=State.SENDING)
    row.update(state=State.WAITING, attempt=attempt, due_at=timezone.now() + AGAIN_AFTER)
    return None


def due(limit: int) -> QuerySet[Letter, int]:
    """Ids of letters whose doorbell was lost, or that are to be tried again."""
    rows = Letter.objects.filter(state=State.WAITING, due_at__lte=timezone.now() - timedelta(seconds=5))
    return rows.order_by("due_at").values_list("pk", flat=True)[:limit]


def forget_old() -> None:
    """One that a worker took with it when it died is not sent again: whoever waits for it asks for another."""
    now = timezone.now()
    Letter.objects.filter(expires_at__lt=now).exclude(secret=None).update(secret=None)
    Letter.objects.filter(expires_at__lt=now - KEPT).delete()


def _put_away(letter: Letter, state: State) -> None:
    Letter.objects.filter(pk=letter.pk, state=State.SENDING).update(state=state, secret=None)


# Translated when the letter is sent.
CODE = gettext_noop(
    "%(secret)s is your code for the message centre of your school. It is valid for 10 minutes. "
    "Nobody will ever ask you for it."
)
WORDS = {
    Letter.Kind.REGISTER: (gettext_noop("Your code"), CODE),
    Letter.Kind.RESET: (gettext_noop("Your code"), CODE),
    Letter.Kind.RESET_LINK: (
        gettext_noop("A new password"),
        gettext_noop(
            "Somebody, most likely you, wants a new password for the message centre of your school. Within an hour, "
            "choose one here: %(secret)s\n\nIf it was not you, do nothing: the old password stays."
        ),
    ),
    Letter.Kind.INVITATION: (
        gettext_noop("Your login for the message centre"),
        gettext_noop(
            "Your school invites you to read its messages online. Within seven days, make yourself a login here: "
            "%(secret)s"
        ),
    ),
}
