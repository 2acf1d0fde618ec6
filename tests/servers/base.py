"""The common part of the fake providers: a real server on loopback in a thread, or as a process of its own.

    with SmtpServer(ledger=tmp_path / "accepted.jsonl") as server:
        server.script(lambda number, recipient: Fault.HANG if recipient.startswith("slow") else None)

A script is asked once for each message that arrives (number: from 1 on, over all connections) and says what goes
wrong; None means that it is accepted.
"""

import argparse
import asyncio
import collections
import enum
import os
import re
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from typing import Any, Self

from tests.servers.connections import Connections
from tests.servers.ledger import Entry, Ledger


class Fault(enum.StrEnum):
    """What can go wrong. Only the names with AFTER_ACCEPT, and DRIP, leave an entry in the ledger."""

    REFUSE = "refuse"
    REFUSE_CONTENT = "refuse_content"
    REFUSE_ACCOUNT = "refuse_account"
    DEFER = "defer"
    DEFER_CONTENT = "defer_content"
    THROTTLE = "throttle"
    UNAVAILABLE = "unavailable"
    ERROR = "error"
    ERROR_AFTER_ACCEPT = "error_after_accept"
    DROP = "drop"
    DROP_AFTER_ACCEPT = "drop_after_accept"
    HANG = "hang"
    HANG_AFTER_ACCEPT = "hang_after_accept"
    DRIP = "drip"
    GARBAGE = "garbage"


Script = Callable[[int, str], Fault | None]


class Server:
    """Starts on `__enter__`, has let go of its port after `__exit__`. All attributes may be read from any thread.

    `latency` is the time in seconds before each answer to a message, `drip` the time between two bytes of an answer
    to `Fault.DRIP`, `retry_after` the seconds that `Fault.THROTTLE` asks for. With `encrypted`, a server-side context,
    every connection is TLS from its start.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        ledger: str | os.PathLike[str] | None = None,
        latency: float = 0.0,
        drip: float = 1.0,
        retry_after: int = 1,
        encrypted: ssl.SSLContext | None = None,
    ) -> None:
        self.host, self.port = "127.0.0.1", port
        self.latency, self.drip, self.retry_after = latency, drip, retry_after
        self.encrypted = encrypted
        self.requests = 0
        self.faults: collections.Counter[Fault] = collections.Counter()
        self._ledger = Ledger(ledger)
        self._script: Script = _accept_all
        self._connections = Connections(self.serve)

    @property
    def connections(self) -> int:
        """How many were ever opened."""
        return self._connections.opened

    @property
    def accepted(self) -> list[Entry]:
        """Everything accepted, in order; each entry has `to` and `at` (Unix time)."""
        return list(self._ledger.entries)

    def script(self, script: Script) -> None:
        self._script = script

    def __enter__(self) -> Self:
        started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run_thread, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_details: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def drop_connections(self) -> None:
        """Close every open connection, as a server does with those that idled."""

        def close() -> None:
            for writer in self._connections.writers:
                writer.transport.abort()

        self._loop.call_soon_threadsafe(close)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; the port is the first line on standard output."""
        asyncio.run(self._serve_process())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        raise NotImplementedError

    def fault(self, recipient: str) -> Fault | None:
        self.requests += 1
        fault = self._script(self.requests, recipient)
        if fault:
            self.faults[fault] += 1
        return fault

    async def accept(self, entry: Entry) -> None:
        await self._ledger.append(entry)

    async def answer(self, writer: asyncio.StreamWriter, content: bytes, fault: Fault | None = None) -> None:
        """The answer to one message, after the latency, in the way of the fault."""
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault in (Fault.HANG, Fault.HANG_AFTER_ACCEPT):
            await asyncio.sleep(3600)
        if fault in (Fault.DROP, Fault.DROP_AFTER_ACCEPT):
            writer.transport.abort()
            raise ConnectionAbortedError
        if fault is Fault.DRIP:
            for byte in content:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(self.drip)
        else:
            writer.write(content)

    def _run_thread(self, started: threading.Event) -> None:
        try:
            asyncio.run(self._serve_thread(started))
        except BaseException as error:
            self._failure = error
            started.set()

    async def _serve_thread(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        listener = await self._listen()
        started.set()
        await self._stop.wait()
        await self._shut(listener)

    async def _serve_process(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        listener = await self._listen()
        sys.stdout.write(f"{self.port}\n")
        sys.stdout.flush()
        await self._stop.wait()
        await self._shut(listener)

    async def _listen(self) -> asyncio.Server:
        listener = await asyncio.start_server(
            self._connections,
            self.host,
            self.port,
            limit=64 * 2**20,
            backlog=1024,
            reuse_address=True,
            ssl=self.encrypted,
        )
        self.port = listener.sockets[0].getsockname()[1]
        return listener

    async def _shut(self, listener: asyncio.Server) -> None:
        await self._connections.end(listener)
        self._ledger.close()


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", help="file that gets one JSON line for each accept")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--drip", type=float, default=1.0, help="seconds between two bytes of a dripped answer")
    parser.add_argument("--fault", type=Fault, choices=list(Fault), help="what goes wrong")
    parser.add_argument("--every", type=int, default=1, help="with every n-th message")
    parser.add_argument("--recipient", default="", help="only with recipients that match this regular expression")
    return parser


def scripted(options: argparse.Namespace) -> Script:
    def script(number: int, recipient: str) -> Fault | None:
        hit = options.fault and number % options.every == 0 and re.search(options.recipient, recipient)
        return options.fault if hit else None

    return script


def common(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `Server` among the options."""
    return {name: getattr(options, name) for name in ("port", "ledger", "latency", "drip")}


def _accept_all(_number: int, _recipient: str) -> Fault | None:
    return None
