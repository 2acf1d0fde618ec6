"""Publishes on orders from standard input, so that its start does not count."""

from django.core.management.base import BaseCommand

from benchmarks import driver
from benchmarks.plain_celery import publishing


class Command(BaseCommand):
    def handle(self, *args: object, **options: object) -> None:
        driver.obey(lambda way, channel, count: publishing.WAYS[way](channel, count))
