"""Every task: ids in, one call out. All of them may be lost, late or doubled without harm."""

from celery import shared_task
from celery.signals import task_prerun, worker_ready
from django.db import close_old_connections, connection

from apps.core import installation, jobs
from apps.delivery import chains, receipts
from apps.directory.roster import work as roster
from workers import dispatch, fanout, letters, sweep


@shared_task(name=jobs.FAN_OUT)
def fan_out(message_id: int) -> None:
    fanout.fan_out(message_id)


@shared_task(name=jobs.DELIVER)
def deliver(message_channel_id: int, first_id: int, last_id: int) -> None:
    dispatch.deliver(message_channel_id, first_id, last_id)


@shared_task(name=jobs.CLOSE)
def close(message_id: int) -> None:
    sweep.close(message_id)


@shared_task(name=jobs.RING)
def ring(message_channel_id: int) -> None:
    chains.revive(message_channel_id)


@shared_task(name=jobs.APPLY_RECEIPT)
def apply_receipt(receipt_id: int) -> None:
    receipts.apply(receipt_id)


@shared_task(name=jobs.READ_ROSTER)
def read_roster(roster_id: int) -> None:
    roster.read(roster_id)


@shared_task(name=jobs.APPLY_ROSTER)
def apply_roster(roster_id: int) -> None:
    roster.write(roster_id)


@shared_task(name=jobs.SEND_LETTER)
def send_letter(letter_id: int) -> None:
    letters.send(letter_id)


@shared_task(name=jobs.SWEEP)
def run_sweep(name: str) -> None:
    sweep.SWEEPS[name]()


@task_prerun.connect
def look_at_the_connection(**options: object) -> None:
    """One that the database has closed since this thread's last task is opened anew, before anybody asks it."""
    close_old_connections()


@worker_ready.connect
def claim(**options: object) -> None:
    """A worker that is about to send from a database tells it whose it is, and what its forerunner has left."""
    try:
        installation.claim()
        # Those of the worker that was here before.
        sweep.return_leases()
    finally:
        connection.close()
