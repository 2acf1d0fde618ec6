"""The providers we have: one line each."""

from apps.channels.providers.base import Provider
from apps.channels.providers.fcm import FcmProvider
from apps.channels.providers.sandbox import SandboxProvider
from apps.channels.providers.smtp import SmtpProvider
from apps.channels.providers.twilio import TwilioProvider

PROVIDERS: dict[str, type[Provider]] = {
    "sandbox": SandboxProvider,
    "smtp": SmtpProvider,
    "twilio": TwilioProvider,
    "fcm": FcmProvider,
}


def for_channel(key: str) -> dict[str, type[Provider]]:
    return {name: provider for name, provider in PROVIDERS.items() if key in provider.channels}
