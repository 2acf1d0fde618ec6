"""An emergency SMS on an idle system, and while a large e-mail message is on its way."""

from benchmarks import content, pools, turns
from benchmarks.figures import Part, Ratio, Row, Usage
from benchmarks.production import Production, smtp_account, twilio_account, wait_until
from benchmarks.sinks import MailSink, SmsSink
from benchmarks.sizes import Sizes


class Bulk:
    """E-mail that never ends: another message follows when less than half of the last one is left."""

    def __init__(self, ours: Production, size: int) -> None:
        self.ours = ours
        self.size = size
        self.messages: list[int] = []

    def left(self) -> int:
        return self.size * len(self.messages) - sum(self.ours.accepted(message) for message in self.messages)

    def keep_going(self) -> None:
        if self.left() >= self.size / 2:
            return
        before = self.left()
        self.messages.append(self.ours.write("email", self.ours.everybody(self.size), body=content.BODY))
        self.ours.publish(self.messages[-1])
        wait_until(lambda: self.left() < before + self.size)

    def check_going(self) -> None:
        if not self.left():
            raise RuntimeError(f"{self.size} e-mails were over before the emergency message: take more")


def run(sizes: Sizes, *, rounds: int) -> Part:
    with Production(sizes=[sizes.emergency, sizes.emergency_bulk]) as ours:
        mail, sms = MailSink(ours.stack.folder), SmsSink(ours.stack.folder, latency=sizes.latency)
        ours.connect(smtp_account(mail.port), twilio_account(sms.url))
        ours.start(pools.EMERGENCY)
        try:
            idle = turns.take({"idle": lambda: emergency(ours, sms, sizes.emergency)}, rounds=rounds)
            bulk = Bulk(ours, sizes.emergency_bulk)
            loaded = turns.take({"loaded": lambda: under_load(bulk, sms, sizes.emergency)}, rounds=rounds)
        finally:
            ours.end()
            for one in (mail, sms):
                one.stop()
    return Part("emergency", f"Emergency, SMS to {sizes.emergency:,}", rows(idle["idle"], loaded["loaded"], sizes))


def emergency(ours: Production, sms: SmsSink, count: int) -> Usage:
    message = ours.write("sms", ours.everybody(count), body=content.SMS, urgency="emergency")
    return ours.measure(message, count, taken=lambda: sms.taken)


def under_load(bulk: Bulk, sms: SmsSink, count: int) -> Usage:
    bulk.keep_going()
    usage = emergency(bulk.ours, sms, count)
    bulk.check_going()
    return usage


def rows(idle: tuple[Usage, ...], loaded: tuple[Usage, ...], sizes: Sizes) -> tuple[Row, ...]:
    load = f"while e-mails go out, {sizes.emergency_bulk:,} a message"
    plain = Row("idle", "", idle), Row("loaded", "", loaded)
    seconds = [row.median("seconds") for row in plain]
    ratio = Ratio("emergency.vs_idle", seconds[1] / seconds[0], "time on an idle system")
    titles = ("on an idle system", load)
    return tuple(
        Row(row.key, title, row.rounds, ratios, figure=f"in {taken:.2f} s")
        for row, title, taken, ratios in zip(plain, titles, seconds, ((), (ratio,)), strict=True)
    )
