"""Names and passwords: asked for at every door, with the same limit."""

from django.contrib import auth
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from apps.accounts import limits
from apps.accounts.limits import Count
from apps.accounts.login import known
from apps.accounts.models import User
from apps.audit import origin


def authenticate(request: HttpRequest, *, username: str, password: str) -> AbstractBaseUser | None:
    """Whom name and password belong to. Raises `TooMany`, then for the right password too.

    For a name that nobody has it does and says the same.
    """
    counts = _counts(request, username)
    limits.take(*counts)
    user = auth.authenticate(request, username=username, password=password)
    if user is not None:
        limits.give_back(*counts)
    return user


def _counts(request: HttpRequest, username: str) -> list[Count]:
    """By the login, not by how it was spelt: some databases hold several spellings for one name."""
    user_id = User.objects.filter(username=username).values_list("pk", flat=True).first()
    return counts_for(request, user_id, f"name {username.casefold()}")


def counts_for(request: HttpRequest, user_id: int | None, name: str = "") -> list[Count]:
    who = name if user_id is None else f"user {user_id}"
    device = known.device(request, user_id)
    if device:
        return [Count(limits.LOGIN, (who, "device", device))]
    network = limits.network(origin.client_address(request))
    return [Count(limits.LOGIN, (who, network)), limits.of_network(network)]
