"""Three ways to send to many, each as a school would call it."""

import os
from collections.abc import Callable, Mapping

from django.core.management import call_command
from django.utils import timezone
from post_office import mail

from benchmarks import content
from benchmarks.plain_celery import sending, tasks
from benchmarks.plain_celery.models import Notification

BATCH = 1000
PROCESSES = 2


def by_celery(channel: str, count: int) -> None:
    rows = [sending.make(channel, number) for number in range(count)]
    Notification.objects.bulk_create(rows, batch_size=BATCH)
    first = Notification.objects.order_by("-pk").values_list("pk", flat=True)[0] - count + 1
    for pk in range(first, first + count):
        tasks.send.delay(pk)


def by_loop(channel: str, count: int) -> None:
    for number in range(count):
        notification = sending.make(channel, number)
        sending.send(notification)
        notification.status = Notification.Status.SENT
        notification.sent_at = timezone.now()
        notification.save()


def by_post_office(_channel: str, count: int) -> None:
    """`send_many` wants everything in a list; the command works until nothing is queued."""
    mails = [
        {
            "recipients": content.address(number),
            "sender": content.SENDER,
            "subject": content.TITLE,
            "message": content.BODY,
        }
        for number in range(count)
    ]
    mail.send_many(mails)
    call_command("send_queued_mail", processes=PROCESSES, lockfile=os.environ["PLAIN_LOCK_FILE"])


WAYS: Mapping[str, Callable[[str, int], None]] = {
    "celery": by_celery,
    "loop": by_loop,
    "post_office": by_post_office,
}
