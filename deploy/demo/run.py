"""The order of events of a trial."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.console import Console

from apps.core.errors import MsgcenterError
from apps.delivery import selectors
from apps.delivery.selectors import Progress
from apps.messaging import timetable
from apps.messaging.models import Message
from apps.messaging.timetable import Timetable
from deploy.demo import arrangement, exams, network, programs, report, roster, school, season
from deploy.demo.arrangement import Arrangement
from deploy.demo.options import ROOT, Options
from deploy.demo.place import Place
from deploy.demo.processes import Children

START_WITHIN = 90.0
GLANCE = 0.5


class TrialError(Exception):
    """The trial cannot go on; says why in words for a person."""


@dataclass(frozen=True)
class Broker:
    port: int
    password: str


@dataclass
class Trial:
    options: Options
    place: Place
    broker: Broker
    children: Children
    cleared: int = 0
    screen: Console = field(default_factory=report.console)
    web_port: int = 0

    def say(self, words: str) -> None:
        self.screen.print(words, markup=False)


def main(trial: Trial) -> int:
    """Exit status: 0 only if the ledger is complete and adds up; 130 if somebody ended the trial before that."""
    listen(signal.default_int_handler)
    status, last_line = 130, report.failure("interrupted")
    try:
        message = begin(trial)
        ledger = follow(trial, message)
        status, last_line = judge(trial, message, ledger)
        if not trial.options.once:
            serve(trial)
    except KeyboardInterrupt:
        trial.say("")
    except (TrialError, MsgcenterError, OSError) as error:
        trial.say(_("The trial has ended: %s") % error)
        status, last_line = 1, report.failure(str(error))
    finally:
        stop(trial)
    if trial.options.json:
        print(last_line, flush=True)
    return status


def listen(handler: Callable | signal.Handlers) -> None:
    """What asks the trial to end. Under nohup, the end of the terminal does not."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:
            signal.signal(number, handler)


def begin(trial: Trial) -> Message:
    """Everything up to the moment at which the message is on its way."""
    if trial.cleared:
        trial.say(_("Ended %d processes that a killed trial had left behind.") % trial.cleared)
    trial.say(_("Preparing the database in %s …") % trial.place.var)
    trial.place.trial.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0, interactive=False)
    key = arrangement.digest(trial.options.exams) if trial.options.exams else None
    message = arrangement.published_before(key, trial.place)
    # A timetable that cannot be read ends the trial before anything is started.
    read_in = read_timetable(trial, trial.options.exams) if trial.options.exams and message is None else None
    start(trial)
    if message is None:
        message = write(trial, read_in, key or arrangement.DEMO)
    else:
        trial.say(_("Going on with “%s”, which was published before.") % message.title)
    await_answers(trial)
    arrangement.publish(message)
    return message


def start(trial: Trial) -> None:
    trial.web_port = network.free_port(trial.options.port)
    place, broker = trial.place, trial.broker
    trial.children.start(programs.broker(place, port=broker.port, password=broker.password))
    wait_until(trial, lambda: programs.broker_answers(broker.port), _("the broker"))
    for program in (programs.web(trial.web_port), *programs.workers()):
        trial.children.start(program)


def await_answers(trial: Trial) -> None:
    trial.say(_("Waiting for the site and the workers …"))
    wait_until(trial, lambda: programs.web_answers(trial.web_port), _("the site"))
    wait_until(trial, programs.workers_answer, _("the workers"))


def wait_until(trial: Trial, claim: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + START_WITHIN
    while not claim():
        watch(trial)
        if time.monotonic() > until:
            raise TrialError(_("%(what)s does not answer; see %(logs)s") % {"what": what, "logs": trial.place.logs})
        time.sleep(0.1)


def watch(trial: Trial) -> None:
    """Say which children have died. Raises `TrialError` for one that cannot be kept running."""
    for death in trial.children.watch():
        trial.say(_("%(name)s has ended with status %(status)d:") % {"name": death.name, "status": death.status})
        trial.say(death.tail)
        if not death.restarted:
            raise TrialError(_("%s does not keep running") % death.name)
        trial.say(_("%s was started again.") % death.name)


def write(trial: Trial, read_in: Timetable | None, key: str) -> Message:
    """Make the people, then the draft for them."""
    content = from_timetable(trial, read_in) if read_in else from_school(trial)
    trial.say(_("Writing “%s” …") % content.title)
    return arrangement.write(content, key, trial.place)


def from_school(trial: Trial) -> Arrangement:
    with telling(trial, _("Making the demo school")):
        made = school.make(trial.options.people, numbers_given=roster.mobiles_given())
        save(trial, made)
        today, zone = timezone.localdate(), ZoneInfo(settings.TIME_ZONE)
        return arrangement.of_school(season.candidates(made, today=today, zone=zone))


def read_timetable(trial: Trial, file: Path) -> Timetable:
    read_in = timetable.read(file)
    counts = {"exams": len(read_in.exams), "unreadable": len(read_in.unreadable), "empty": read_in.empty_rows}
    words = _("Timetable: %(exams)d rows read, %(unreadable)d unreadable, %(empty)d empty.")
    trial.say(words % counts)
    if read_in.unreadable:
        listed = trial.place.write_text("unreadable.txt", "\n".join(report.unreadable_lines(read_in)) + "\n")
        report.show_unreadable(trial.screen, read_in, listed)
    if not read_in.exams:
        raise TrialError(_("there is not a single exam in this timetable"))
    return read_in


def from_timetable(trial: Trial, read_in: Timetable) -> Arrangement:
    plan = exams.plan(read_in)
    with telling(trial, _("Making %d students of the timetable") % len(plan.candidates)):
        save(trial, school.without_students())
        save(trial, school.of_plan(plan, numbers_given=roster.mobiles_given()))
    return arrangement.of_plan(plan)


def save(trial: Trial, made: school.School) -> None:
    roster.save(made)
    for login in made.logins:
        roster.save_login(login, trial.place)


@contextmanager
def telling(trial: Trial, words: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    trial.say(_("%(what)s: %(seconds).1f s") % {"what": words, "seconds": time.monotonic() - started})


def follow(trial: Trial, message: Message) -> Progress:
    """Show how far it is until it is complete, or until the time of `--once` is over."""
    until = time.monotonic() + trial.options.timeout * 60 if trial.options.once else float("inf")
    with report.meter(trial.screen, message.audience_rows.count()) as meter:
        while True:
            message.refresh_from_db()
            ledger = selectors.progress(message)
            meter.show(ledger)
            if ledger.complete or time.monotonic() > until:
                return ledger
            watch(trial)
            time.sleep(GLANCE)


def judge(trial: Trial, message: Message, ledger: Progress) -> tuple[int, str]:
    """Show the ledger and how to look at it. Returns the exit status and the line for machines."""
    good = report.holds(ledger, message.audience_rows.count())
    report.show_ledger(trial.screen, ledger)
    if not ledger.complete:
        trial.say(_("Not everything is final after %g minutes. Still open:") % trial.options.timeout)
        trial.say("\n".join(f"  {line}" for line in report.still_open(ledger)))
    elif not good:
        trial.say(_("The ledger does not add up."))
    show_way_in(trial, message)
    return int(not good), report.as_json(message, ledger, complete=good)


def show_way_in(trial: Trial, message: Message) -> None:
    address = f"http://{network.HOST}:{trial.web_port}"
    trial.say(
        _("Sandbox: nothing left the house. What was “sent” can be read at %s") % (address + reverse("console:sandbox"))
    )
    trial.say(_("The site: %s") % (address + "/"))
    student = arrangement.student_of(message)
    roster.save_login(school.Login(student, person=student), trial.place)
    roles = (
        (_("administrator"), "admin"),
        (_("author"), "author"),
        (_("approver"), "approver"),
        (_("student"), student),
    )
    if not settings.REQUIRE_TOTP:
        trial.say(_("Demonstration: nobody is asked for a second factor (MSGCENTER_REQUIRE_TOTP=false)."))
    report.show_logins(
        trial.screen, [(role, username, roster.password_of(username, trial.place)) for role, username in roles]
    )


def serve(trial: Trial) -> None:
    trial.say(_("Running until Ctrl-C."))
    while True:
        watch(trial)
        time.sleep(GLANCE)


def stop(trial: Trial) -> None:
    """Not to be interrupted: it takes less than ten seconds anyway."""
    listen(signal.SIG_IGN)
    started = time.monotonic()
    killed = trial.children.stop()
    words = _("All processes stopped in %.1f s.") % (time.monotonic() - started)
    trial.say(words + (" " + _("Killed: %s.") % ", ".join(killed) if killed else ""))


def prepare(options: Options, place: Place, broker: Broker, *, cleared: int) -> Trial:
    """The environment of the children is the one this process was set up with (see `__main__`)."""
    return Trial(options, place, broker, Children(place.logs, str(place.var), ROOT), cleared)
