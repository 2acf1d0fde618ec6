"""The states of a message and the ways between them, as data."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    DRAFT = "draft", _("draft")
    SCHEDULED = "scheduled", _("scheduled")
    PUBLISHING = "publishing", _("publishing")
    PUBLISHED = "published", _("published")
    FINISHED = "finished", _("finished")
    EXPIRED = "expired", _("expired")
    RECALLED = "recalled", _("recalled")


#: Deliveries may start.
LIVE = frozenset({Status.PUBLISHING, Status.PUBLISHED})
#: Published, and who is in the audience is not yet written down for good.
FREEZING = frozenset({Status.SCHEDULED, Status.PUBLISHING})
#: What is not yet sent has to be taken back.
WITHDRAWN = frozenset({Status.EXPIRED, Status.RECALLED})
ENDED = WITHDRAWN | {Status.FINISHED}
RECALLABLE = frozenset({Status.SCHEDULED}) | LIVE
PAUSABLE = RECALLABLE

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.SCHEDULED, Status.PUBLISHING}),
    # A draft again where whoever scheduled it may not publish it any more when its time has come.
    Status.SCHEDULED: frozenset({Status.PUBLISHING, Status.DRAFT, Status.EXPIRED, Status.RECALLED}),
    Status.PUBLISHING: frozenset({Status.PUBLISHED, Status.EXPIRED, Status.RECALLED}),
    Status.PUBLISHED: frozenset({Status.FINISHED, Status.EXPIRED, Status.RECALLED}),
    # By a person only, who sends again what nobody ever confirmed.
    Status.FINISHED: frozenset({Status.PUBLISHED}),
    Status.EXPIRED: frozenset(),
    Status.RECALLED: frozenset(),
}


def may_follow(before: Status, after: Status) -> bool:
    return after in TRANSITIONS[before]
