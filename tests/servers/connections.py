"""The connections of an asyncio server: each is closed at its end, also one that ended before it began."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

#: Turns of the loop in which a connection that was accepted comes to its handler.
TURNS = 5


async def close(listener: asyncio.Server) -> None:
    """Closed at once, asyncio would leave to nobody what it is accepting at the moment."""
    for listening in listener.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    listener.close()


class Connections:
    """What `asyncio.start_server` calls for each connection.

    Not a coroutine function: asyncio makes a task of one, and a task that is cancelled before its first step never
    runs, so nobody would close what it was to serve.
    """

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
    ) -> None:
        self.opened = 0
        self.writers: set[asyncio.StreamWriter] = set()
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.writers.add(writer)
        task = asyncio.get_running_loop().create_task(self._to_the_end(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, writer))

    async def end(self, listener: asyncio.Server) -> None:
        await close(listener)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _to_the_end(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The other side may go at any moment; what else goes wrong is for the test to hear of.
        with contextlib.suppress(OSError, EOFError):
            await self._serve(reader, writer)

    def _ended(self, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        self._tasks.discard(task)
        self.writers.discard(writer)
        writer.transport.abort() if task.cancelled() else writer.close()
