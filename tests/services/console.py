"""A shell of the product that stays open: `manage.py shell` takes a second for each call, this takes milliseconds.

    python -m tests.services.console SOCKET

Takes code until the caller has shut down his end; answers {"ok": bool, "output": what it printed, or the traceback}.
Every call has names of its own, with all models in them, and a database connection of its own.
"""

import contextlib
import io
import json
import sys
import traceback

import django
from django.apps import apps
from django.db import connections

from tests.services import callers


def serve(path: str) -> None:
    for caller in callers.wait_for_callers(path):
        # One that went away wants no answer.
        with contextlib.suppress(OSError):
            caller.sendall(json.dumps(run(callers.question(caller).decode())).encode())


def run(code: str) -> dict[str, object]:
    names = {"__name__": "console", "json": json} | {model.__name__: model for model in apps.get_models()}
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            exec(code, names)
    except Exception:
        return {"ok": False, "output": traceback.format_exc()}
    finally:
        connections.close_all()
    return {"ok": True, "output": output.getvalue()}


if __name__ == "__main__":
    django.setup()
    serve(sys.argv[1])
