"""Beat, for machines whose clock may be put back."""

from datetime import UTC, datetime, timedelta

from django_celery_beat.schedulers import DatabaseScheduler

#: Clocks that are merely corrected do not go back as far.
STEP = timedelta(seconds=5)


class SteadyScheduler(DatabaseScheduler):
    """An entry that ran "in the future" would otherwise rest until the clock gets there again."""

    def tick(self, *args: object, **options: object) -> float:
        now = datetime.now(UTC)
        # The model knows the last run; the entries in the schedule are those that were loaded.
        ahead = [
            entry
            for entry in self.schedule.values()
            if entry.model.last_run_at and entry.model.last_run_at > now + STEP
        ]
        for entry in ahead:
            entry.last_run_at = entry.model.last_run_at = now
        if ahead:
            # Its times are those of the clock that was.
            self._heap = None
        return super().tick(*args, **options)
