"""Rate per account."""

from collections.abc import Callable

from apps.channels.models import ProviderAccount


class Throttle:
    def __init__(self, account: ProviderAccount, *, urgent: bool) -> None:
        self.account, self.urgent = account, urgent

    def take(self, until: float, go_on: Callable[[], bool]) -> bool:
        return True
