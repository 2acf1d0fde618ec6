"""The beat table, the lanes and the tasks fit together."""

from celery import current_app

from apps.channels.models import Channel
from apps.core import jobs
from workers import queues, schedule, sweep


def test_every_entry_of_the_beat_table_names_a_sweep_and_every_sweep_has_an_entry() -> None:
    assert {entry["args"][0] for entry in schedule.BEAT_SCHEDULE.values()} == set(sweep.SWEEPS)


def test_publish_and_expiry_are_looked_at_every_second() -> None:
    assert schedule.PERIODS["publish_due"] == schedule.PERIODS["expire_due"] == 1.0


def test_every_job_is_a_registered_task() -> None:
    current_app.loader.import_default_modules()
    assert {jobs.FAN_OUT, jobs.DELIVER, jobs.CLOSE, jobs.SWEEP} <= set(current_app.tasks)


def test_a_job_called_by_hand_finds_its_lane() -> None:
    assert {route["queue"] for route in queues.ROUTES.values()} <= set(queues.LANES)
    assert current_app.amqp.router.route({}, jobs.FAN_OUT)["queue"].name == jobs.FAN_OUT_LANE
    assert current_app.amqp.router.route({}, jobs.SWEEP)["queue"].name == jobs.PERIODIC_LANE


def test_no_result_is_kept_and_tasks_are_acknowledged_early() -> None:
    assert current_app.conf.task_ignore_result
    assert not current_app.conf.task_acks_late
    assert current_app.conf.result_backend in (None, "disabled://")


def test_every_channel_that_leaves_the_house_has_its_own_urgent_and_bulk_lane(db: None) -> None:
    for channel in Channel.objects.exclude(address_kind=""):
        assert channel.lane(urgent=True) in queues.LANES
        assert channel.lane(urgent=False) in queues.LANES
        assert channel.lane(urgent=True) != channel.lane(urgent=False)
