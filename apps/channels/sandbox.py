"""Where the sandbox provider keeps what it would have sent: our own database."""

from collections.abc import Sequence

from apps.channels.models import SandboxMessage
from apps.channels.providers import sandbox
from apps.channels.providers.sandbox import SandboxRecord

MAX_TITLE = 255


class DatabaseOutbox:
    def store(self, records: Sequence[SandboxRecord]) -> None:
        SandboxMessage.objects.bulk_create(_row(record) for record in records)

    def stored(self, key: str) -> bool:
        return SandboxMessage.objects.filter(key=key).exists()


def _row(record: SandboxRecord) -> SandboxMessage:
    return SandboxMessage(
        account_id=record.account,
        delivery_id=record.delivery_id,
        attempt=record.attempt,
        key=record.key,
        addresses=list(record.addresses),
        title=record.title[:MAX_TITLE],
        body=record.body,
    )


sandbox.outbox = DatabaseOutbox()
