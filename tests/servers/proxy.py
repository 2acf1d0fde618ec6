"""A TCP proxy on loopback that spoils what passes through it, as it is told while it runs.

with Proxy(("127.0.0.1", server.port)) as proxy:       # or the path of a unix socket
    connect_to(proxy.port)
    proxy.spoil(latency=0.2)           # also answer_rate=1, cut_after=10, cut_answer_after=0
    proxy.reset()                      # every connection that is open now ends with a TCP reset
    proxy.down(); proxy.up()           # connections are refused; on the same port again
    proxy.heal()                       # passes everything on at once
"""

import asyncio
import contextlib
import dataclasses
import os
import socket
import struct
import threading
from typing import Any, Self

from tests.servers import connections
from tests.servers.connections import Connections

CHUNK = 65536
#: Close at once and tell the other side by a reset rather than by an end of file.
LINGER_AND_RESET = struct.pack("ii", 1, 0)


@dataclasses.dataclass(frozen=True)
class Spoiled:
    """How the line is bad.

    `latency`: seconds that each piece takes, in both directions. `answer_rate`: bytes a second from the server.
    `cut_after`, `cut_answer_after`: so many bytes of a connection still pass to the server, or back; then it is reset.
    """

    latency: float = 0.0
    answer_rate: float | None = None
    cut_after: int | None = None
    cut_answer_after: int | None = None


@dataclasses.dataclass(eq=False)
class Line:
    """One connection through the proxy; both counts are of bytes since the line was last changed."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asked: int = 0
    answered: int = 0

    def reset(self) -> None:
        for writer in (self.client, self.server):
            if (end := writer.get_extra_info("socket")) and end.family != socket.AF_UNIX:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_AND_RESET)
            writer.transport.abort()


class Proxy:
    """Everything that is told to it has happened when the call returns."""

    def __init__(self, server: tuple[str, int] | str | os.PathLike[str]) -> None:
        self.server = server
        self.port = 0
        self.resets = 0
        self._spoiled = Spoiled()
        self._lines: set[Line] = set()
        self._connections = Connections(self._connected)

    @property
    def connections(self) -> int:
        """How many were ever opened."""
        return self._connections.opened

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_details: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    # --- what it is told ----------------------------------------------------------------------------------------------
    def spoil(self, **how: float | int) -> None:
        """For the connections that are open and those to come, until `heal()` or another call."""
        self._tell(self._change, Spoiled(**how))

    def heal(self) -> None:
        self._tell(self._change, Spoiled())

    def reset(self) -> None:
        self._tell(self._reset)

    def down(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    def up(self) -> None:
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def _tell(self, act: Any, *arguments: Any) -> None:
        async def run() -> None:
            act(*arguments)

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _change(self, spoiled: Spoiled) -> None:
        self._spoiled = spoiled
        for line in self._lines:
            line.asked = line.answered = 0

    def _reset(self) -> None:
        for line in list(self._lines):
            self.resets += 1
            line.reset()

    async def _close(self) -> None:
        await connections.close(self._listener)
        self._reset()

    # --- the line -----------------------------------------------------------------------------------------------------
    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._open()
        started.set()
        await self._stop.wait()
        self._reset()
        await self._connections.end(self._listener)

    async def _open(self) -> None:
        self._listener = await asyncio.start_server(
            self._connections, "127.0.0.1", self.port, backlog=1024, reuse_address=True
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, server = await self._dial()
        except OSError:
            client.transport.abort()
        else:
            await self._run(Line(client, server), reader, answers)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.server, tuple):
            return await asyncio.open_connection(*self.server)
        return await asyncio.open_unix_connection(self.server)

    async def _run(self, line: Line, asks: asyncio.StreamReader, answers: asyncio.StreamReader) -> None:
        self._lines.add(line)
        ways = [asyncio.create_task(self._ask(line, asks)), asyncio.create_task(self._answer(line, answers))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._lines.discard(line)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            line.server.close()

    async def _ask(self, line: Line, reader: asyncio.StreamReader) -> None:
        while content := await reader.read(CHUNK):
            await asyncio.sleep(self._spoiled.latency)
            limit = self._spoiled.cut_after
            await self._pass_on(line, line.server, content if limit is None else content[: max(0, limit - line.asked)])
            line.asked += len(content)
            if limit is not None and line.asked > limit:
                self._cut(line)
        line.server.write_eof()

    async def _answer(self, line: Line, reader: asyncio.StreamReader) -> None:
        while content := await reader.read(CHUNK):
            await asyncio.sleep(self._spoiled.latency)
            limit = self._spoiled.cut_answer_after
            passed = content if limit is None else content[: max(0, limit - line.answered)]
            if self._spoiled.answer_rate:
                await self._drip(line, passed)
            else:
                await self._pass_on(line, line.client, passed)
            line.answered += len(content)
            if limit is not None and line.answered > limit:
                self._cut(line)
        line.client.write_eof()

    async def _drip(self, line: Line, content: bytes) -> None:
        for position in range(len(content)):
            rate = self._spoiled.answer_rate
            await self._pass_on(line, line.client, content[position : position + 1])
            await asyncio.sleep(1 / rate if rate else 0)

    async def _pass_on(self, line: Line, writer: asyncio.StreamWriter, content: bytes) -> None:
        writer.write(content)
        await writer.drain()

    def _cut(self, line: Line) -> None:
        self.resets += 1
        line.reset()
        raise ConnectionResetError
