"""Long lists, a page at a time."""

from typing import NoReturn

from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param


class CursorPages(CursorPagination):
    """Newest first. A page stays what it is while rows are added; a cursor that is not ours is refused."""

    ordering = "-id"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    page_size_query_description = gettext_lazy("Rows on a page, 1 to 200.")
    cursor_query_description = gettext_lazy("Where the page begins: taken from `next` or `previous`.")
    template = None

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        size = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
        if not 1 <= size <= self.max_page_size:
            _refuse("page_size", _("A whole number from 1 to %d.") % self.max_page_size)
        return size

    def encode_cursor(self, cursor: Cursor) -> str:
        position = [cursor.offset, cursor.reverse, cursor.position]
        signed = signing.dumps(position, salt=_salt(self.request))
        return replace_query_param(self.base_url, self.cursor_query_param, signed)

    def decode_cursor(self, request: Request) -> Cursor | None:
        text = request.query_params.get(self.cursor_query_param)
        if text is None:
            return None
        try:
            return Cursor(*signing.loads(text, salt=_salt(request)))
        except (signing.BadSignature, ValueError):
            _refuse("cursor", _("This cursor is not one of ours."))


def _salt(request: Request) -> str:
    """A cursor leads on in the list it came from and in no other."""
    return f"cursor:{request.path}"


def _refuse(parameter: str, detail: str) -> NoReturn:
    raise ValidationError({parameter: [ErrorDetail(detail, code="invalid")]})
