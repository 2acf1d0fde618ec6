"""The ways to log in beside name and password, as far as they are configured."""

from django.conf import settings
from django.urls import reverse


def ways() -> list[tuple[str, str]]:
    """What the button says, and where it leads (by POST)."""
    found = [(app["name"], reverse("openid_connect_login", args=[app["provider_id"]])) for app in settings.OIDC_APPS]
    if settings.CAS_SERVER_URL:
        found.append((settings.CAS_NAME, reverse("cas")))
    return found
