"""`manage.py panic_resume`: take `panic_stop` back."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.channels import services


class Command(BaseCommand):
    help = "Resume the channels that the panic stop has paused; others stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        resumed = services.resume_all(by=None)
        names = ", ".join(channel.key for channel in resumed)
        self.stdout.write(f"Resumed: {names or 'nothing'}.")
