"""What `./deploy/trial` can be told, and in which language it answers."""

import argparse
import gettext
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PORT = 8000
DEFAULT_PEOPLE = 2_400
MOST_PEOPLE = 5_940
DEFAULT_MINUTES = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    exams: Path | None = None
    once: bool = False
    json: bool = False
    fresh: bool = False
    people: int = DEFAULT_PEOPLE
    port: int = DEFAULT_PORT
    timeout: float = DEFAULT_MINUTES


def language(env: Mapping[str, str] = os.environ) -> str:
    """Chinese where the terminal speaks it, else English; the first variable that is set decides."""
    spoken = next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    return "zh-hans" if spoken.startswith("zh") else "en"


def words(text: str) -> str:
    """A translation before Django is set up, which the options themselves decide on."""
    folder = "zh_Hans" if language() == "zh-hans" else "en"
    return gettext.translation("django", ROOT / "locale", [folder], fallback=True).gettext(text)


def parse(arguments: Sequence[str]) -> Options:
    """Exits with a usage message for what cannot be understood."""
    _ = words
    parser = argparse.ArgumentParser(
        prog="deploy/trial",
        description=_(
            "Runs all of msgcenter on this machine with a demo school, publishes an exam arrangement to it and shows "
            "what became of every delivery. Nothing leaves the house. Serves until Ctrl-C; keeps its data in var/."
        ),
    )
    parser.add_argument("--exams", type=Path, metavar="FILE.xlsx", help=_("publish this timetable of exams instead"))
    parser.add_argument("--once", action="store_true", help=_("end when every delivery is final"))
    parser.add_argument("--json", action="store_true", help=_("make the last line of output one JSON object"))
    parser.add_argument("--fresh", action="store_true", help=_("remove the data of earlier trials first"))
    people_help = _("students of the demo school, when it is made (default: %(default)s)")
    parser.add_argument("--people", type=int, default=DEFAULT_PEOPLE, metavar="N", help=people_help)
    port_help = _("port of the site, or the next free one (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="N", help=port_help)
    timeout_help = _("with --once: give up after so many minutes (default: %(default)g)")
    parser.add_argument("--timeout", type=float, default=DEFAULT_MINUTES, metavar="MINUTES", help=timeout_help)
    given = parser.parse_args(arguments)
    if given.exams and not given.exams.is_file():
        parser.error(_("there is no such file: %s") % given.exams)
    if not 1 <= given.people <= MOST_PEOPLE:
        parser.error(_("--people must be from 1 to %d") % MOST_PEOPLE)
    if not 1 <= given.port <= 65_000:
        parser.error(_("--port must be from 1 to 65000"))
    return Options(**vars(given))
