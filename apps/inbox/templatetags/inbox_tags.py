"""What the navbar of every page says of the reader's inbox."""

from django import template

from apps.accounts.models import User
from apps.inbox import selectors

register = template.Library()


@register.simple_tag
def unread_count(user: User) -> int:
    return selectors.unread(user.person).count() if user.person else 0
