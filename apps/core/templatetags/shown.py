"""How the text of a message and its times are shown."""

import re
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html, linebreaks
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

#: Chinese writes no space before or after an address, so it ends where the characters of addresses (RFC 3986) end.
ADDRESS = re.compile(r"(https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*[A-Za-z0-9\-_~/#@$&*+=%])")


@register.filter(is_safe=True)
def paragraphs(text: str) -> SafeString:
    """Somebody's plain text as paragraphs with clickable addresses; everything in it is escaped first."""
    parts = ADDRESS.split(text)
    shown = (_link(part) if odd % 2 else escape(part) for odd, part in enumerate(parts))
    return mark_safe(linebreaks(mark_safe("".join(shown))))


def _link(address: str) -> SafeString:
    return format_html('<a href="{0}" rel="nofollow noopener">{0}</a>', address)


@register.filter
def when(at: datetime) -> str:
    """Today the time, this year the day, else the full date; in school time."""
    local, now = timezone.localtime(at), timezone.localtime()
    if local.date() == now.date():
        return date_format(local, "H:i")
    return date_format(local, "n-j H:i") if local.year == now.year else date_format(local, "Y-m-d")


@register.filter
def when_long(at: datetime | None) -> str:
    return date_format(timezone.localtime(at), "Y-m-d H:i") if at else ""


@register.filter
def thousands(number: int) -> str:
    return f"{number:,}"
