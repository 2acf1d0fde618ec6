"""`manage.py verify_audit`: has anybody changed, removed or inserted entries of the audit log?"""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit import chain
from apps.audit.chain import Fault, Finding
from apps.audit.models import Entry, Head

#: More findings than this say nothing more.
SHOWN = 50
SAID = {
    Fault.CHANGED: "entry {sequence} (row {entry_id}) is not as it was written",
    Fault.REMOVED: "entry {sequence} is gone",
    Fault.INSERTED: "entry {sequence} (row {entry_id}) was put in by somebody else",
    Fault.UNLINKED: "entry {sequence} (row {entry_id}) does not follow the one before it",
    Fault.OLD_KEY: "entry {sequence} (row {entry_id}) is signed with a key that had been replaced before",
}


def known(text: str) -> tuple[int, str]:
    number, _colon, signature = text.partition(":")
    if not number.isdigit() or len(signature) != 64:
        raise argparse.ArgumentTypeError("expected NUMBER:SIGNATURE as the log of the server has it")
    return int(number), signature


class Command(BaseCommand):
    help = "Check the whole audit log; exit status 1 and a line for each entry that is not as it was written."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--known",
            type=known,
            metavar="NUMBER:SIGNATURE",
            help="an entry as the server's log has noted it: the newest entries cannot have been cut off since",
        )

    def handle(self, *args: Any, known: tuple[int, str] | None = None, **options: Any) -> None:
        head = Head.objects.get()
        # What is written meanwhile is left to the next run.
        entries = Entry.objects.order_by("sequence").iterator()
        findings = []
        for finding in chain.verify(entries, head, known=known):
            findings.append(finding)
            if len(findings) <= SHOWN:
                self.stdout.write(said(finding))
        if findings:
            raise CommandError(f"{len(findings)} entries of the audit log are not as they were written.", returncode=1)
        self.stdout.write(f"The audit log is whole: {head.sequence} entries. Newest: {head}")


def said(finding: Finding) -> str:
    return SAID[finding.fault].format(sequence=finding.sequence, entry_id=finding.entry_id)
