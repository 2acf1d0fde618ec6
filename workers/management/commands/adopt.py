"""`manage.py adopt`: a restored backup takes over. Run it only when the installation it came from has stopped."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from apps.audit import services as audit
from apps.core import installation


class Command(BaseCommand):
    help = "Make this database belong to this installation (MSGCENTER_ENVIRONMENT_ID), so that it may send."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        row, before = installation.adopt()
        if before == row.environment_id:
            self.stdout.write(f"This database belongs to {before} already.")
            return
        audit.record("adopt", row, by=None, before=before)
        self.stdout.write(f"This database belongs to {row.environment_id} now; it belonged to {before}.")
