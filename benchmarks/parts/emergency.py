"""An emergency SMS on an idle system, and while a large e-mail message is on its way."""

from statistics import median

from benchmarks import content, pools, turns
from benchmarks.figures import Part, Ratio, Row, Usage
from benchmarks.production import Production, smtp_account, twilio_account, wait_for
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
        self.messages.append(self.ours.write("email", self.ours.everybody(self.size), body=content.BODY))
        self.ours.publish(self.messages[-1])
        wait_for(lambda: self.ours.accepted(self.messages[-1]), 1)

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
    # CPU and memory would be those of the load.
    seconds = {name: median(usage.seconds for usage in usages) for name, usages in (idle | loaded).items()}
    others = {f"{name}_s": value for name, value in seconds.items()}
    return Part("emergency", f"Emergency, SMS to {sizes.emergency:,}", rows(seconds, sizes), others)


def emergency(ours: Production, sms: SmsSink, count: int) -> Usage:
    message = ours.write("sms", ours.everybody(count), body=content.SMS, urgency="emergency")
    return ours.measure(message, count, taken=lambda: sms.taken)


def under_load(bulk: Bulk, sms: SmsSink, count: int) -> Usage:
    bulk.keep_going()
    usage = emergency(bulk.ours, sms, count)
    bulk.check_going()
    return usage


def rows(seconds: dict[str, float], sizes: Sizes) -> tuple[Row, ...]:
    ratio = Ratio("emergency.vs_idle", seconds["loaded"] / seconds["idle"], "time on an idle system")
    load = f"while e-mails go out, {sizes.emergency_bulk:,} a message"
    return (
        Row("idle", "on an idle system", figure=f"in {seconds['idle']:.2f} s"),
        Row("loaded", load, figure=f"in {seconds['loaded']:.2f} s", ratios=(ratio,)),
    )
