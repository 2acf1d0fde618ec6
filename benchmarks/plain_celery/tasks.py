"""One task for each recipient and channel."""

from celery import shared_task
from django.utils import timezone

from benchmarks.plain_celery import sending
from benchmarks.plain_celery.models import Notification


@shared_task
def send(notification_id: int) -> None:
    notification = Notification.objects.get(pk=notification_id)
    sending.send(notification)
    notification.status = Notification.Status.SENT
    notification.sent_at = timezone.now()
    notification.save()
