"""How the text of a message and its times are shown."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import linebreaks, urlize
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter(is_safe=True)
def paragraphs(text: str) -> SafeString:
    """Somebody's plain text as paragraphs with clickable addresses; everything in it is escaped first."""
    return mark_safe(linebreaks(urlize(text, nofollow=True, autoescape=True)))


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
