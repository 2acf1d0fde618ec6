"""Names and passwords: asked for at every door, with the same limit."""

from django.contrib import auth
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from apps.accounts import limits, names
from apps.accounts.limits import Count
from apps.accounts.login import known
from apps.audit import origin


def authenticate(request: HttpRequest, *, username: str, password: str) -> AbstractBaseUser | None:
    """Whom name and password belong to. Raises `TooMany`, then for the right password too.

    For a name that nobody has it does and says the same.
    """
    name = names.normal(username)
    counts = _counts(request, name)
    limits.take(*counts)
    user = auth.authenticate(request, username=name, password=password)
    if user is not None:
        limits.give_back(*counts)
    return user


def _counts(request: HttpRequest, name: str) -> list[Count]:
    """By the login, also where the name is one of LDAP that led to it in this browser before."""
    user = names.user_named(name)
    user_id = user.pk if user else known.user_of(request, name)
    who = names.subject(user_id, name)
    device = known.device(request, user_id)
    if device:
        return [Count(limits.LOGIN, (who, "device", device))]
    network = limits.network(origin.client_address(request))
    return [Count(limits.LOGIN, (who, network)), limits.of_network(network)]
