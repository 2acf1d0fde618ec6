"""What provider answers say about addresses."""

from collections.abc import Mapping

from apps.channels.models import Channel
from apps.channels.providers.base import Result


def learn(channel: Channel, results: Mapping[str, Result]) -> None:
    pass
