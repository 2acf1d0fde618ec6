"""Our errors. Services raise them; the edge (view, admin action, task) turns them into an answer.

Every error has a stable `code`, an HTTP `status` and words for a person that say what to do.
"""

from typing import ClassVar

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext


class MsgcenterError(Exception):
    """Root of the tree. `field` names the input the error speaks of, if there is one."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, detail: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(str(detail))
        self.detail = detail
        self.field = field
        if code:
            self.code = code


class InvalidInput(MsgcenterError):
    """The input cannot be accepted as it is; nothing was stored."""

    code = "invalid"


class UnreadableFile(InvalidInput):
    """The file as a whole cannot be read; the words say what is wrong and, where there are lines, in which."""

    code = "file_unreadable"

    def __init__(self, detail: str, *, field: str = "file") -> None:
        super().__init__(detail, field=field)


class NotAllowed(MsgcenterError):
    """The person may see the object but not do this with it."""

    code = "not_allowed"
    status = 403

    def __init__(self, detail: str = _("You do not have the right to do this."), **kwargs: str) -> None:
        super().__init__(detail, **kwargs)


class NotFound(MsgcenterError):
    """There is no such object, or it belongs to a unit this person must not know about."""

    code = "not_found"
    status = 404

    def __init__(self, detail: str = _("There is no such object."), **kwargs: str) -> None:
        super().__init__(detail, **kwargs)


class Conflict(MsgcenterError):
    """The object is in a state in which this cannot be done (any more)."""

    code = "conflict"
    status = 409


class TooMany(MsgcenterError):
    """Tried too often; `wait` is how many seconds it takes until it may be tried again."""

    code = "throttled"
    status = 429

    def __init__(self, wait: int) -> None:
        minutes = -(-wait // 60)
        words = ngettext(
            "Tried too often. Please try again in %d minute.",
            "Tried too often. Please try again in %d minutes.",
            minutes,
        )
        super().__init__(words % minutes)
        self.wait = wait
