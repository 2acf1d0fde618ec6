"""How many deliveries each row makes. Slow rows make fewer where the rate does not depend on it."""

import argparse
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Sizes:
    email: int
    email_raw: int
    email_post_office: int
    email_celery: int
    email_loop: int
    sms: int
    sms_celery: int
    sms_loop: int
    inbox: int
    #: At the least: it lasts a second, and the disk has its moods.
    inbox_rounds: int
    growth_small: int
    growth_large: int
    publish_requests: int
    emergency: int
    #: Another bulk message of this size is published whenever less than half of the last one is left.
    emergency_bulk: int
    #: People of the audience that is previewed.
    preview: int
    kills_people: int
    kills: int
    #: Rows of a roster.
    roster: int
    #: Seconds an SMS server takes to answer.
    latency: float = 0.05
    #: Of the random moments at which workers are killed.
    seed: int = 0


FULL = Sizes(
    email=20_000,
    email_raw=20_000,
    email_post_office=20_000,
    email_celery=20_000,
    email_loop=20_000,
    sms=20_000,
    sms_celery=1_000,
    sms_loop=500,
    inbox=100_000,
    inbox_rounds=9,
    growth_small=10_000,
    growth_large=500_000,
    publish_requests=31,
    emergency=1_000,
    emergency_bulk=200_000,
    preview=100_000,
    kills_people=20_000,
    kills=20,
    roster=30_000,
)
QUICK = Sizes(
    email=6_000,
    email_raw=6_000,
    email_post_office=1_200,
    email_celery=300,
    email_loop=300,
    sms=4_800,
    sms_celery=40,
    sms_loop=20,
    inbox=100_000,
    inbox_rounds=3,
    growth_small=4_000,
    growth_large=20_000,
    publish_requests=21,
    emergency=1_000,
    emergency_bulk=50_000,
    preview=100_000,
    kills_people=2_000,
    kills=5,
    roster=30_000,
)
TINY = Sizes(
    email=200,
    email_raw=200,
    email_post_office=100,
    email_celery=40,
    email_loop=40,
    sms=40,
    sms_celery=20,
    sms_loop=10,
    inbox=500,
    inbox_rounds=1,
    growth_small=100,
    growth_large=500,
    publish_requests=3,
    emergency=20,
    emergency_bulk=20_000,
    preview=500,
    kills_people=200,
    kills=2,
    roster=200,
)


def of(options: argparse.Namespace) -> Sizes:
    chosen = TINY if options.tiny else QUICK if options.quick else FULL
    return replace(chosen, seed=options.seed)
