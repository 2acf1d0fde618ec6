"""`manage.py sweep`: what celery-beat starts every second, once, for cron or by hand."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.core import installation
from workers.sweep import SWEEPS


class Command(BaseCommand):
    help = "Run the sweeps once: publish and expire what is due, ring what was left, settle what is over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", choices=[*SWEEPS, []], help="only these (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        installation.claim()
        for name in options["names"] or SWEEPS:
            SWEEPS[name]()
