"""What the recipient does."""

from django.db.models.functions import Now

from apps.delivery.models import Recipient


def read(entry: Recipient) -> None:
    """Note the first time the recipient opened the message."""
    Recipient.objects.filter(pk=entry.pk, read_at__isnull=True).update(read_at=Now())
