"""How one notification goes out: a connection for each mail, a request for each SMS."""

from collections.abc import Callable, Mapping

import requests
from django.conf import settings
from django.core.mail import send_mail

from benchmarks import content
from benchmarks.plain_celery.models import Notification

TIMEOUT = 20


def send(notification: Notification) -> None:
    SENDERS[notification.channel](notification)


def send_email(notification: Notification) -> None:
    send_mail(notification.title, notification.body, content.SENDER, [notification.address])


def send_sms(notification: Notification) -> None:
    form = {"To": notification.address, "From": "+15005550006", "Body": notification.body}
    requests.post(settings.SMS_URL, data=form, auth=("AC", "token"), timeout=TIMEOUT).raise_for_status()


SENDERS: Mapping[str, Callable[[Notification], None]] = {"email": send_email, "sms": send_sms}
ADDRESSES: Mapping[str, Callable[[int], str]] = {"email": content.address, "sms": content.mobile}
BODIES = {"email": content.BODY, "sms": content.SMS}


def make(channel: str, number: int) -> Notification:
    address = ADDRESSES[channel](number)
    return Notification(channel=channel, address=address, title=content.TITLE, body=BODIES[channel])
