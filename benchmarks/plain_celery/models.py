"""One row for each recipient and channel."""

from django.db import models


class Notification(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"

    channel = models.CharField(max_length=10)
    address = models.CharField(max_length=200)
    title = models.CharField(max_length=200)
    body = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.channel} {self.address} {self.status}"
