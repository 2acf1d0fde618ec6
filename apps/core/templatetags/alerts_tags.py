"""How many alerts wait for a person."""

from django import template
from django.contrib.auth.models import AbstractBaseUser

from apps.core import alerts

register = template.Library()
register.filter("detail", alerts.words)


@register.simple_tag
def open_alerts(user: AbstractBaseUser) -> int:
    """0 for those who may not see them."""
    return alerts.still_open().count() if user.has_perm("core.view_alert") else 0
