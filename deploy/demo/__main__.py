"""`python -m deploy.demo`: what `./deploy/trial` runs once everything is installed."""

import importlib
import os
import sys
from pathlib import Path

import django
from django.utils import translation

from deploy.demo import network, processes
from deploy.demo import options as given
from deploy.demo.options import words as _
from deploy.demo.place import InUse, Place


def main() -> int:
    options = given.parse(sys.argv[1:])
    place = Place(Path(os.environ.get("MSGCENTER_VAR") or given.ROOT / "var").resolve())
    try:
        lock = place.lock()
    except InUse as error:
        problem = _("A trial is running in %(folder)s already (process %(number)s).")
        print(problem % {"folder": place.var, "number": error}, file=sys.stderr)
        return 1
    with lock:
        cleared = processes.clear_leftovers(str(place.var), place.logs / processes.RECORD)
        if options.fresh:
            place.clear()
        return run(options, place, cleared=cleared)


def run(options: given.Options, place: Place, *, cleared: int) -> int:
    """Only now is it known where the database is and how to reach the broker, so only now can models be imported."""
    port, password = network.free_port(), network.new_password()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "msgcenter.settings",
        "MSGCENTER_VAR": str(place.var),
        "MSGCENTER_DB": "sqlite",
        "MSGCENTER_DB_NAME": str(place.database),
        "MSGCENTER_REDIS_URL": f"redis://:{password}@{network.HOST}:{port}/0",
    }
    # The logins of the demonstration are to be tried at once; whoever wants to see the rule sets it.
    os.environ.setdefault("MSGCENTER_REQUIRE_TOTP", "false")
    django.setup()
    translation.activate(given.language())
    trial = importlib.import_module("deploy.demo.run")
    return trial.main(trial.prepare(options, place, trial.Broker(port, password), cleared=cleared))


if __name__ == "__main__":
    sys.exit(main())
