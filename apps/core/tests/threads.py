"""Real threads with a database connection each, for tests of what happens at the same time."""

import threading
from collections.abc import Callable

from django.db import connections


def together(*functions: Callable[[], object]) -> list[object]:
    """Start all of them at one barrier; the results in order, an exception where one was raised."""
    barrier = threading.Barrier(len(functions))
    results: list[object] = [None] * len(functions)

    def run(place: int, function: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            results[place] = function()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return results
