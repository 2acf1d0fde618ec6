"""`manage.py panic_stop`: nothing more leaves the house, whatever the web process is doing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.channels import services


class Command(BaseCommand):
    help = "Pause every channel at once. No call to a provider starts more than a second later."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reason", nargs="*", help="shown wherever the state of a channel is shown")

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = services.stop_all(reason=" ".join(options["reason"]), by=None)
        names = ", ".join(channel.key for channel in stopped)
        self.stdout.write(f"Stopped: {names or 'nothing, every channel was paused already'}.")
