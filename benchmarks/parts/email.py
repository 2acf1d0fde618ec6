"""E-mail: from the publish request until the mail server has taken the last one and the ledger says so."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import content, figures, pools, raw, turns
from benchmarks.driver import Driver
from benchmarks.figures import Part, Row, Usage
from benchmarks.peers import Peers
from benchmarks.production import Production, smtp_account
from benchmarks.sinks import MailSink
from benchmarks.sizes import Sizes

#: Processes of the raw limit, as many as msgcenter has workers.
PROCESSES = sum(pool.processes for pool in pools.EMAIL)
#: Rows of the raw limit and their clients. `email.vs_raw` is held against `raw`, the client that everybody has; the
#: others are there to be compared.
RAW = {"raw": "plain", "raw_pipelined": "pipelined", "raw_chained": "chained"}
TITLES = {
    "raw": "raw limit: prebuilt mail by smtplib.sendmail",
    "raw_pipelined": "the same by a bare socket, two round trips each",
    "raw_chained": "the same, the next envelope behind a mail, one",
    "msgcenter": "msgcenter",
    "personal": "msgcenter, personal values in every mail",
    "post_office": "django-post_office 3.12",
    "celery": "plain Celery, a task for each recipient",
    "loop": "loop without a queue",
}


def run(sizes: Sizes, *, rounds: int) -> Part:
    with Production(sizes=[sizes.email]) as ours:
        sink = MailSink(ours.stack.folder)
        ours.connect(smtp_account(sink.port))
        ours.start(pools.EMAIL)
        senders = [Driver(["benchmarks.raw_mail", sink.port], log=log) for log in logs(ours.stack.folder)]
        peers = Peers(ours, smtp_port=sink.port)
        try:
            taken = turns.take(ways(sizes, ours, peers, senders, sink), rounds=rounds)
        finally:
            peers.stop()
            for one in (*senders, sink):
                one.stop()
    return Part("email", f"E-mail, {sizes.email:,}", rows(taken))


def logs(folder: Path) -> list[Path]:
    return [folder / f"raw-{number}.log" for number in range(PROCESSES)]


def ways(
    sizes: Sizes, ours: Production, peers: Peers, senders: Sequence[Driver], sink: MailSink
) -> dict[str, partial[Usage]]:
    def peer(way: str, count: int) -> partial[Usage]:
        return partial(peers.measure, way, "email", count, taken=lambda: sink.taken)

    return {
        **{row: partial(raw.measure, ours, senders, sink, sizes.email_raw, client=name) for row, name in RAW.items()},
        "msgcenter": partial(ordinary, ours, sink, sizes.email),
        "personal": partial(personal, ours, sink, sizes.email),
        "post_office": peer("post_office", sizes.email_post_office),
        "celery": peer("celery", sizes.email_celery),
        "loop": peer("loop", sizes.email_loop),
    }


def ordinary(ours: Production, sink: MailSink, count: int) -> Usage:
    message = ours.write("email", ours.everybody(count), body=content.BODY)
    return ours.measure(message, count, taken=lambda: sink.taken)


def personal(ours: Production, sink: MailSink, count: int) -> Usage:
    uploaded = {
        "rows": [
            {"number": f"S{number}", "values": {"room": f"A{number % 400}", "seat": str(number % 60 + 1)}}
            for number in range(1, count + 1)
        ]
    }
    message = ours.write("email", uploaded, body=content.PERSONAL_BODY)
    return ours.measure(message, count, taken=lambda: sink.taken)


def rows(taken: dict[str, tuple[Usage, ...]]) -> tuple[Row, ...]:
    ours = taken["msgcenter"]
    ratios = {
        "msgcenter": [
            figures.speed_ratio("email.vs_raw", ours, taken["raw"], base="raw limit"),
            figures.speed_ratio("email.vs_post_office", ours, taken["post_office"], base="post_office"),
            figures.speed_ratio("email.vs_celery", ours, taken["celery"], base="plain Celery"),
            figures.speed_ratio("email.vs_loop", ours, taken["loop"], base="loop"),
            figures.speed_ratio("email.vs_raw_pipelined", ours, taken["raw_pipelined"], base="two round trips"),
            figures.speed_ratio("email.vs_raw_chained", ours, taken["raw_chained"], base="one round trip"),
        ],
        "personal": [figures.speed_ratio("email.personal_vs_raw", taken["personal"], taken["raw"], base="raw limit")],
    }
    return tuple(Row(key, TITLES[key], usages, tuple(ratios.get(key, ()))) for key, usages in taken.items())
